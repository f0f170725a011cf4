import { Agent, request } from 'node:http';

/** As many clients as the cases of the server have. */
export const CLIENTS = 16;

const agent = new Agent({ keepAlive: true, maxSockets: CLIENTS });

/** Sends JSON to MLflow's REST API at a port of this machine. */
export async function post(port: number, path: string, body: object): Promise<unknown> {
  return ask(port, 'POST', path, JSON.stringify(body));
}

export async function get(port: number, path: string): Promise<unknown> {
  return ask(port, 'GET', path);
}

async function ask(port: number, method: string, path: string, text?: string): Promise<unknown> {
  const headers =
    text === undefined
      ? {}
      : { 'content-type': 'application/json', 'content-length': Buffer.byteLength(text) };
  return new Promise((resolve, reject) => {
    const sent = request(
      { agent, host: '127.0.0.1', port, path: `/api/2.0/mlflow/${path}`, method, headers },
      (response) => {
        const answer: Buffer[] = [];
        response.on('data', (chunk: Buffer) => answer.push(chunk));
        response.on('end', () => {
          const said = Buffer.concat(answer).toString();
          if (response.statusCode === 200) resolve(JSON.parse(said));
          else reject(new Error(`${path}: ${response.statusCode} ${said.slice(0, 200)}`));
        });
      },
    );
    sent.on('error', reject).end(text);
  });
}

/** So many lanes of `work` for some seconds; gives how often it was done in one. */
export async function load(
  lanes: number,
  seconds: number,
  work: (n: number) => Promise<void>,
): Promise<number> {
  const started = performance.now();
  let count = 0;
  const lane = async (): Promise<void> => {
    while (performance.now() - started < seconds * 1000) {
      count += 1;
      await work(count);
    }
  };
  await Promise.all(Array.from({ length: lanes }, lane));
  return count / ((performance.now() - started) / 1000);
}

/** Of milliseconds, which are put in order. */
export function quantile(times: readonly number[], part: number): number {
  const ordered = times.toSorted((a, b) => a - b);
  return Number((ordered[Math.min(ordered.length - 1, Math.floor(ordered.length * part))] ?? 0).toFixed(2));
}
