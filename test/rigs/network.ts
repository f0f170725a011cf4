import { execFile } from 'node:child_process';
import { promisify } from 'node:util';

const ip = async (...args: string[]): Promise<void> => void (await promisify(execFile)('ip', args));

let networks = 0;

/** A network for processes of their own, with one link to this machine, which can be cut. Linux, as root. */
export class Network implements AsyncDisposable {
  /** Of this machine, as it is seen from there. */
  readonly address: string;
  readonly #name: string;

  private constructor(name: string, address: string) {
    this.#name = name;
    this.address = address;
  }

  /** Why there can be none here, if so. */
  static async missing(): Promise<string | undefined> {
    try {
      await using _probe = await Network.create();
      return undefined;
    } catch (error) {
      return `no network of its own can be made here: ${error instanceof Error ? error.message.trim() : String(error)}`;
    }
  }

  static async create(): Promise<Network> {
    networks += 1;
    const name = `sp${process.pid}-${networks}`;
    const [here, there] = [`${name}h`, `${name}t`];
    // Four addresses each; those of processes that run side by side are others.
    const subnet = (process.pid * 64 + networks) % 2 ** 14;
    const base = `10.${77 + (subnet >> 12)}.${(subnet >> 6) & 63}.${(subnet & 63) * 4}`;
    const addressOf = (n: number): string => base.replace(/\d+$/, (last) => String(Number(last) + n));
    const network = new Network(name, addressOf(1));
    await ip('netns', 'add', name);
    try {
      await ip('link', 'add', here, 'type', 'veth', 'peer', 'name', there, 'netns', name);
      await ip('addr', 'add', `${addressOf(1)}/30`, 'dev', here);
      await ip('link', 'set', here, 'up');
      await ip('-n', name, 'addr', 'add', `${addressOf(2)}/30`, 'dev', there);
      await ip('-n', name, 'link', 'set', there, 'up');
      await ip('-n', name, 'link', 'set', 'lo', 'up');
    } catch (error) {
      await network[Symbol.asyncDispose]();
      throw error;
    }
    return network;
  }

  /** What a command line there begins with. */
  get prefix(): readonly string[] {
    return ['ip', 'netns', 'exec', this.#name];
  }

  /** Nothing gets through any more, and nobody is told. */
  async cut(): Promise<void> {
    await ip('link', 'set', `${this.#name}h`, 'down');
  }

  async mend(): Promise<void> {
    await ip('link', 'set', `${this.#name}h`, 'up');
  }

  /** The link goes with it, once no process is left there. */
  async [Symbol.asyncDispose](): Promise<void> {
    await ip('netns', 'del', this.#name);
  }
}
