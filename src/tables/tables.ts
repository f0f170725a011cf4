import { type DuckDBConnection, DuckDBInstance } from '@duckdb/node-api';
import duckdb from '@duckdb/node-bindings';
import { ROW } from '../core/columns.ts';
import { quoteIdentifier, quoteLiteral } from './sql-text.ts';

export interface TablesOptions {
  /** Threads to use at most; what is written does not depend on it. */
  readonly threads: number;
  /** Bytes of memory to use at most before spilling to `tmp`. */
  readonly memoryBytes?: number | undefined;
  /** Folder for what does not fit into memory. */
  readonly tmp: string;
}

/** Rows in a row group of every file written: fixed, as it shapes the bytes. */
const ROW_GROUP_SIZE = 122_880;
const DEFAULT_MEMORY = 4 * 2 ** 30;

/** A DuckDB of its own, in memory, for one step. */
export class Tables implements AsyncDisposable {
  readonly #instance: DuckDBInstance;
  readonly #connection: DuckDBConnection;

  private constructor(instance: DuckDBInstance, connection: DuckDBConnection) {
    this.#instance = instance;
    this.#connection = connection;
  }

  static async open({ threads, memoryBytes, tmp }: TablesOptions): Promise<Tables> {
    const instance = await DuckDBInstance.create(':memory:', {
      threads: String(threads),
      memory_limit: `${Math.floor((memoryBytes ?? DEFAULT_MEMORY) / 2 ** 20)}MiB`,
      temp_directory: tmp,
      autoinstall_known_extensions: 'false',
    });
    const connection = await instance.connect();
    return new Tables(instance, connection);
  }

  /** Runs statements whose rows nobody wants. */
  async run(sql: string): Promise<void> {
    await this.#connection.run(sql);
  }

  /** Rows as JSON values: integers beyond 2^53, decimals and times are text. */
  async query(sql: string): Promise<Record<string, unknown>[]> {
    return (await this.#connection.runAndReadAll(sql)).getRowObjectsJson();
  }

  /**
   * From now on SQL sees only what is registered as views: no files but `readable` ones, no network. For
   * SQL that a user wrote.
   */
  async lock(readable: readonly string[]): Promise<void> {
    await this.run(`SET allowed_paths = [${readable.map(quoteLiteral).join(', ')}]`);
    await this.run('SET enable_external_access = false');
    await this.run('SET lock_configuration = true');
  }

  /** Writes the rows of a SELECT as Parquet, ordered by row number: the same bytes on any number of threads. */
  async writeTable(select: string, path: string, orderBy: string = quoteIdentifier(ROW)): Promise<void> {
    await this.run(
      `COPY (SELECT * FROM (${select}\n) ORDER BY ${orderBy}) TO ${quoteLiteral(path)}
       (FORMAT parquet, COMPRESSION zstd, ROW_GROUP_SIZE ${ROW_GROUP_SIZE})`,
    );
  }

  /** Writes columns in memory as a Parquet file, row by row as they stand. */
  async writeColumns(
    path: string,
    columns: readonly {
      readonly name: string;
      readonly type: 'BIGINT' | 'FLOAT' | 'VARCHAR';
      readonly values: ArrayLike<number | string>;
    }[],
  ): Promise<void> {
    const list = columns.map(({ name, type }) => `${quoteIdentifier(name)} ${type}`).join(', ');
    await this.run(`CREATE OR REPLACE TEMP TABLE columns_in_memory (${list})`);
    const appender = await this.#connection.createAppender('columns_in_memory');
    const rows = columns[0]?.values.length ?? 0;
    for (let row = 0; row < rows; row += 1) {
      for (const { type, values } of columns) {
        const value = values[row] as number | string;
        if (type === 'BIGINT') appender.appendBigInt(BigInt(value));
        else if (type === 'FLOAT') appender.appendFloat(Number(value));
        else appender.appendVarchar(String(value));
      }
      appender.endRow();
    }
    appender.closeSync();
    await this.run(`COPY columns_in_memory TO ${quoteLiteral(path)} (FORMAT parquet)`);
  }

  /**
   * Reads columns of doubles, one array each. The SELECT must give DOUBLE columns without NULL.
   *
   * @param rows how many there are
   */
  async doubles(select: string, rows: number, columns: number): Promise<Float64Array[]> {
    const arrays = Array.from({ length: columns }, () => new Float64Array(rows));
    await this.#copyChunks(select, 8, (column, at, bytes) => {
      arrays[column]?.set(new Float64Array(bytes.buffer, bytes.byteOffset, bytes.byteLength / 8), at);
    });
    return arrays;
  }

  /** As `doubles`, for FLOAT columns. */
  async floats(select: string, rows: number, columns: number): Promise<Float32Array[]> {
    const arrays = Array.from({ length: columns }, () => new Float32Array(new SharedArrayBuffer(rows * 4)));
    await this.#copyChunks(select, 4, (column, at, bytes) => {
      arrays[column]?.set(new Float32Array(bytes.buffer, bytes.byteOffset, bytes.byteLength / 4), at);
    });
    return arrays;
  }

  /** Hands over the raw bytes of each column of each chunk: a value a call would take longer than the query. */
  async #copyChunks(
    select: string,
    width: number,
    take: (column: number, at: number, bytes: Uint8Array) => void,
  ): Promise<void> {
    const result = await this.#connection.stream(select);
    let at = 0;
    for (
      let chunk = await result.fetchChunk();
      chunk !== null && chunk.rowCount > 0;
      chunk = await result.fetchChunk()
    ) {
      for (let column = 0; column < chunk.columnCount; column += 1) {
        const vector = duckdb.data_chunk_get_vector(chunk.chunk, column);
        take(column, at, duckdb.vector_get_data(vector, chunk.rowCount * width));
      }
      at += chunk.rowCount;
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#connection.closeSync();
    this.#instance.closeSync();
  }
}
