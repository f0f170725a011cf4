const CONTROL =
  // oxlint-disable-next-line no-control-regex
  /\u001b\[[0-9;?]*[ -/]*[@-~]|\u001b[@-_]|[\u0000-\u0008\u000b\u000c\u000e-\u001f\u007f-\u009f]/g;

/** What a step or a file says may reach a terminal only without control sequences; colours stay out too. */
export function safeText(text: string): string {
  return text.replace(CONTROL, '');
}
