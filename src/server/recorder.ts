import { randomBytes, randomInt, timingSafeEqual } from 'node:crypto';
import type { AddressInfo } from 'node:net';
import type { FastifyInstance } from 'fastify';
import type { RECORDER_VARIABLES } from '../core/step-variables.ts';
import { SqliteDatabase } from '../db/sqlite-database.ts';
import { nestedRunId } from '../engine/nested-runs.ts';
import type { Recorder, RecorderRequest } from '../engine/recorder-port.ts';
import { Outbound } from '../net/outbound.ts';
import { type BlobStamp, Blobs } from '../store/blobs.ts';
import { digestOf } from '../store/hash.ts';
import { renameExperiment } from '../tracking/mlflow/experiments.ts';
import { MlflowError } from '../tracking/mlflow/mlflow-error.ts';
import { createRun } from '../tracking/mlflow/runs.ts';
import { TRACKING_MIGRATIONS } from '../tracking/sqlite/schema.ts';
import { VersionPins } from '../tracking/version-pins.ts';
import { Artifacts } from './artifacts.ts';
import { createServer } from './create-server.ts';
import { MultipartUploads } from './multipart-uploads.ts';
import { readRecording } from './read-recording.ts';
import { RECORDER_ROOT, recorderDatabase, recorderFiles } from './recorder-folder.ts';
import { RECORDED_EXPERIMENT, recorderRoutes } from './recorder-routes.ts';

export interface RecorderSurroundings {
  /** Milliseconds since the Unix epoch. */
  readonly now: () => number;
  readonly version: string;
}

const HOST = '127.0.0.1';

/** A server on this machine with one run in it, for whoever has its token. Resolves when it listens. */
export async function openRecorder(
  { run, name, experiment, dir, insteadOfRegistering, onBug }: RecorderRequest,
  { now, version }: RecorderSurroundings,
): Promise<Recorder> {
  const database = SqliteDatabase.open({
    path: recorderDatabase(dir),
    migrations: TRACKING_MIGRATIONS,
    durability: 'normal',
  });
  let app: FastifyInstance | undefined;
  const close = async (): Promise<void> => {
    await app?.close();
    await database[Symbol.asyncDispose]();
  };
  try {
    await database.write(async (sql) => {
      await renameExperiment(sql, RECORDED_EXPERIMENT, experiment, now());
      const first = { id: run, name, fallbackName: name, user: '', startTime: now(), tags: [] };
      await createRun(sql, { ...first, experimentId: RECORDED_EXPERIMENT }, RECORDER_ROOT);
    });
    const token = randomBytes(24).toString('base64url');
    const layout = recorderFiles(dir);
    const blobs = new Blobs(layout, new Map<string, BlobStamp>(), now);
    const store = { blobs, layout };
    const pins = new VersionPins({ store, home: dir, database: undefined });
    const artifacts = new Artifacts({ database, store, home: dir, now, root: RECORDER_ROOT, pins });
    const numbers = new Map<string, string>();
    app = createServer({
      served: {
        database,
        artifacts,
        uploads: new MultipartUploads({ database, artifacts, store, now }),
        root: RECORDER_ROOT,
        outbound: new Outbound(),
        now,
        newId: () => {
          const number = String(numbers.size + 1);
          const id = nestedRunId(run, number);
          numbers.set(id, number);
          return id;
        },
        random: () => randomInt(2 ** 32) / 2 ** 32,
      },
      routes: recorderRoutes(insteadOfRegistering),
      authenticate: async ({ headers }) => {
        if (!isEqual(headers.authorization ?? '', `Bearer ${token}`))
          throw new MlflowError(
            'UNAUTHENTICATED',
            'This address is for the program that was given its token.',
          );
        return { kind: 'local', name };
      },
      allowedHosts: [HOST],
      version,
      onBug,
    });
    await app.listen({ host: HOST, port: 0 });
    const { port } = app.server.address() as AddressInfo;
    return {
      token,
      env: {
        MLFLOW_TRACKING_URI: `http://${HOST}:${port}`,
        MLFLOW_REGISTRY_URI: `http://${HOST}:${port}`,
        MLFLOW_TRACKING_TOKEN: token,
        // They would be asked first.
        STOCKPOT_TOKEN: '',
        MLFLOW_TRACKING_USERNAME: '',
        MLFLOW_TRACKING_PASSWORD: '',
        MLFLOW_EXPERIMENT_ID: RECORDED_EXPERIMENT,
        MLFLOW_RUN_ID: run,
        // The address is gone with the program.
        MLFLOW_SUPPRESS_PRINTING_URL_TO_STDOUT: 'true',
      } satisfies Record<(typeof RECORDER_VARIABLES)[number], string>,
      read: () =>
        database.read((sql) =>
          readRecording(sql, { run, name, experiment, numbers, pathOf: (digest) => blobs.path(digest) }),
        ),
      [Symbol.asyncDispose]: close,
    };
  } catch (error) {
    await close();
    throw error;
  }
}

/** Takes as long for a text that is nearly right as for any other. */
function isEqual(a: string, b: string): boolean {
  return timingSafeEqual(Buffer.from(digestOf(a)), Buffer.from(digestOf(b)));
}
