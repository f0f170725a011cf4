import type { Readable } from 'node:stream';
import type { Stored } from './uploaded-files.ts';

/** A file or folder of a listing; `file_size` in bytes. */
export interface FileInfo {
  readonly path: string;
  readonly is_dir: boolean;
  readonly file_size?: number;
}

/** A file that is there to be read. */
export interface ReadableFile {
  /** Bytes. */
  readonly size: number;
  /** As in the header of that name: another one where the bytes are others. */
  readonly etag: string;
  /** The bytes from one to another, both included. */
  readonly stream: (from: number, to: number) => Readable;
}

/** Where files lie that clients write, by their paths in the space of artifacts. */
export interface ClientFiles {
  /** Whoever reads sees all of it or what was there before; it is on the disk when this resolves. */
  put(path: string, bytes: AsyncIterable<Uint8Array>): Promise<void>;
  /** Undefined if there is none. */
  open(path: string): Promise<ReadableFile | undefined>;
  /** What lies directly below a folder; paths are names. */
  list(folder: string): Promise<FileInfo[]>;
  /** Forgets a file, or all below a folder. */
  remove(path: string): Promise<void>;
  /** All files below a folder, which the store has then. */
  keep(folder: string): Promise<Stored[]>;
}

/** Of files below a prefix that ends in `/`, or is empty: what lies directly there. */
export function directlyBelow(prefix: string, files: readonly Stored[]): FileInfo[] {
  return files.flatMap(({ path, size }): FileInfo[] => {
    if (!path.startsWith(prefix)) return [];
    const [name = '', ...rest] = path.slice(prefix.length).split('/');
    return [rest.length > 0 ? { path: name, is_dir: true } : { path: name, is_dir: false, file_size: size }];
  });
}
