import { spawnSync } from 'node:child_process';
import { closeSync, constants, openSync, rmSync } from 'node:fs';
import { Socket } from 'node:net';
import { join } from 'node:path';
import { makePrivateFolder } from '../../store/private-folder.ts';

/** One of a program's outputs: it writes to a named pipe, so that it may open `/dev/stderr` as well. */
export interface OutputPipe {
  readonly path: string;
  /** Descriptor of the writing end in this process, until it is closed. */
  readonly writer: number;
  /** Call once the program has its own. */
  readonly closeWriter: () => void;
  /** Resolves when nobody holds the writing end any more and all is read, or when it is given up. */
  readonly drained: Promise<void>;
  /** Stops reading: what left its process group may hold the pipe for good. */
  readonly giveUp: () => void;
}

const BATCH = 8;

/**
 * Named pipes below one folder, made in batches and used again. Node can make none itself, so `mkfifo`
 * of POSIX does.
 */
export class OutputPipes implements Disposable {
  readonly #dir: string;
  readonly #free: string[] = [];
  #made = 0;

  constructor(dir: string) {
    this.#dir = dir;
  }

  open(onData: (chunk: Buffer) => void): OutputPipe {
    if (this.#free.length === 0) this.#make();
    const path = this.#free.pop() ?? '';
    // Reading first: without a reader the other end could not be opened without waiting.
    const reader = openSync(path, constants.O_RDONLY | constants.O_NONBLOCK);
    const writer = openSync(path, constants.O_WRONLY);
    const socket = new Socket({ fd: reader, readable: true, writable: false });
    const { promise: drained, resolve } = Promise.withResolvers<void>();
    let isOpen = true;
    let isDrained = false;
    socket.on('data', onData);
    socket.once('end', () => {
      isDrained = true;
    });
    socket.once('error', () => socket.destroy());
    socket.once('close', () => {
      // One that somebody may still write to is not used again.
      if (isDrained) this.#free.push(path);
      resolve();
    });
    const closeWriter = (): void => {
      if (isOpen) closeSync(writer);
      isOpen = false;
    };
    return { path, writer, closeWriter, drained, giveUp: () => socket.destroy() };
  }

  #make(): void {
    makePrivateFolder(this.#dir);
    const paths = Array.from({ length: BATCH }, () => join(this.#dir, String((this.#made += 1))));
    const { status, error, stderr } = spawnSync('mkfifo', paths, { encoding: 'utf8' });
    if (status !== 0)
      throw new Error(`mkfifo could not make pipes in ${this.#dir}: ${error?.message ?? stderr.trim()}`);
    this.#free.push(...paths);
  }

  [Symbol.dispose](): void {
    rmSync(this.#dir, { recursive: true, force: true });
  }
}
