/** One sentence; what the network says has no address in it but the host's. */
export function problemOfCall(failed: unknown): string {
  // A name with several addresses fails once for each.
  if (failed instanceof AggregateError && failed.message === '') return problemOfCall(failed.errors[0]);
  const message = failed instanceof Error ? failed.message : String(failed);
  return message.endsWith('.') ? message : `${message}.`;
}
