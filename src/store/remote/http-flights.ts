import { wholeText } from './far-bytes.ts';
import { flightPath, isRecordName, recordBytes, recordPath } from './flight-path.ts';
import type { HttpClient } from './http-client.ts';
import { type Flight, RemoteRefused, RemoteUnreachable } from './remote.ts';

/** There is one. */
const TAKEN = [409, 412];
/** What servers say that know nothing of flights. */
const NO_FLIGHTS = [404, 405, 501];

/** See `Remote.writeRecord`. */
export async function writeHttpRecord(
  client: HttpClient,
  flight: Flight,
  name: string,
  text: string,
): Promise<boolean> {
  const bytes = recordBytes(text);
  const { status, body, isRepeated } = await client.ask({
    method: 'PUT',
    path: recordPath(flight, name),
    headers: { 'content-type': 'text/plain; charset=utf-8', 'if-none-match': '*' },
    body: () => bytes,
    take: [...TAKEN, ...NO_FLIGHTS],
  });
  // To its end, so that its connection can be used again.
  await wholeText(client.name, body);
  if (NO_FLIGHTS.includes(status)) throw noFlights(client, status);
  if (!TAKEN.includes(status)) return true;
  // What is there may be what the try wrote whose answer did not come.
  return isRepeated && (await readHttpRecords(client, flight)).get(name) === text;
}

/** See `Remote.readRecords`. */
export async function readHttpRecords(
  client: HttpClient,
  flight: Flight,
): Promise<ReadonlyMap<string, string>> {
  const { status, body } = await client.ask({ method: 'GET', path: flightPath(flight), take: NO_FLIGHTS });
  const text = await wholeText(client.name, body);
  if (NO_FLIGHTS.includes(status)) throw noFlights(client, status);
  const records = recordsIn(text);
  if (records === undefined) throw new RemoteUnreachable(`${client.name}: the answer to GET flights is none`);
  return records;
}

/** See `Remote.removeRecords`. */
export async function removeHttpRecords(
  client: HttpClient,
  flight: Flight,
  names: readonly string[],
): Promise<void> {
  for (const path of names.map((name) => recordPath(flight, name))) {
    const { status, body } = await client.ask({ method: 'DELETE', path, take: NO_FLIGHTS });
    await wholeText(client.name, body);
    if (NO_FLIGHTS.includes(status)) throw noFlights(client, status);
  }
}

function recordsIn(text: string): ReadonlyMap<string, string> | undefined {
  try {
    const { records } = JSON.parse(text) as { readonly records?: Readonly<Record<string, unknown>> };
    if (typeof records !== 'object' || records === null) return undefined;
    const entries = Object.entries(records).filter(
      (entry): entry is [string, string] => isRecordName(entry[0]) && typeof entry[1] === 'string',
    );
    return new Map(entries);
  } catch (error) {
    if (error instanceof SyntaxError || error instanceof TypeError) return undefined;
    throw error;
  }
}

function noFlights(client: HttpClient, status: number): RemoteRefused {
  return new RemoteRefused(
    `${client.name}: status ${status}: it keeps no records of flights; give the fleet a recipe server of this version, a folder or a bucket`,
  );
}
