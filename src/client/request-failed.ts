/** The server refused a request, or could not be reached. */
export class RequestFailed extends Error {
  /** HTTP's status; undefined if there was no answer. */
  readonly status: number | undefined;
  /** MLflow's code, as `RESOURCE_DOES_NOT_EXIST`; undefined if the answer has none. */
  readonly code: string | undefined;

  constructor(
    message: string,
    { status, code, cause }: { status?: number | undefined; code?: string | undefined; cause?: unknown } = {},
  ) {
    super(message, { cause });
    this.name = 'RequestFailed';
    this.status = status;
    this.code = code;
  }
}
