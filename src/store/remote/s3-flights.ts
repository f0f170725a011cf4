import { flightPath, isRecordName, recordBytes, recordPath } from './flight-path.ts';
import { inLanes } from './in-lanes.ts';
import type { Flight } from './remote.ts';
import { s3QueryPart } from './s3-address.ts';
import { element, elements } from './s3-answers.ts';
import type { S3Client } from './s3-client.ts';

/** Records that are asked for at once. */
const ASKED_AT_ONCE = 16;
/** 412 and 409: there is one. */
const TAKEN = [409, 412];
const NO_CONDITIONS = 501;

/** See `Remote.writeRecord`. */
export async function writeS3Record(
  client: S3Client,
  flight: Flight,
  name: string,
  text: string,
): Promise<boolean> {
  const key = recordPath(flight, name);
  const written = { method: 'PUT', key, body: recordBytes(text) } as const;
  const { status, isRepeated } = await client.ask({
    ...written,
    headers: { 'if-none-match': '*' },
    take: [...TAKEN, NO_CONDITIONS],
  });
  if (status < 300) return true;
  if (TAKEN.includes(status) && !isRepeated) return false;
  const there = await textOf(client, key);
  // What is there may be what the try wrote whose answer did not come.
  if (there !== undefined || status !== NO_CONDITIONS) return isRepeated && there === text;
  await client.ask(written);
  return true;
}

/** See `Remote.readRecords`. */
export async function readS3Records(
  client: S3Client,
  flight: Flight,
  newest = Infinity,
): Promise<ReadonlyMap<string, string>> {
  const records = new Map<string, string>();
  const all = await namesOf(client, flight);
  // Each is a request of its own.
  const names = all.length > newest ? all.toSorted(byNumber).slice(-newest) : all;
  await inLanes(ASKED_AT_ONCE, names, async (name) => {
    const text = await textOf(client, recordPath(flight, name));
    if (text !== undefined) records.set(name, text);
  });
  return records;
}

/** See `Remote.removeRecords`. */
export async function removeS3Records(
  client: S3Client,
  flight: Flight,
  names: readonly string[],
): Promise<void> {
  for (const key of names.map((name) => recordPath(flight, name)))
    await client.ask({ method: 'DELETE', key });
}

function byNumber(one: string, other: string): number {
  const [a = 0, b = 0] = [one, other].map((name) => Number(/\d+$/.exec(name)?.[0] ?? 0));
  return a - b;
}

async function namesOf(client: S3Client, flight: Flight): Promise<string[]> {
  const prefix = `${client.address.prefix}${flightPath(flight)}/`;
  const names: string[] = [];
  for (let after = ''; ; ) {
    const continued = after === '' ? '' : `continuation-token=${s3QueryPart(after)}&`;
    const query = `${continued}list-type=2&prefix=${s3QueryPart(prefix)}`;
    const { text } = await client.ask({ method: 'GET', key: undefined, query });
    // The prefix comes back in as many spellings as there are servers; what is below it has one.
    names.push(...elements(text, 'Key').map((key) => key.slice(key.lastIndexOf('/') + 1)));
    after = element(text, 'NextContinuationToken');
    if (after === '') return names.filter(isRecordName);
  }
}

/** Undefined if it is not there: old flights go. */
async function textOf(client: S3Client, key: string): Promise<string | undefined> {
  const { status, text } = await client.ask({ method: 'GET', key, take: [404] });
  return status === 404 ? undefined : text;
}
