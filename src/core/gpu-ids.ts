/** More than any machine has: a longer list is a slip of the pen. */
export const MOST_GPUS = 1024;

/** An index, or the name of a device or of a part of one: `GPU-8932f937-…`, `MIG-…`. */
const ID = /^(?:0|[1-9]\d{0,3}|(?:GPU|MIG)-[\w./-]{1,200})$/;

export function isGpuId(text: string): boolean {
  return ID.test(text);
}

/** What `CUDA_VISIBLE_DEVICES` lets programs see: as CUDA reads it, up to the first that is none. */
export function visibleGpus(text: string): readonly string[] {
  const ids = text.split(',').map((one) => one.trim());
  const end = ids.findIndex((id) => !isGpuId(id));
  return [...new Set(end === -1 ? ids : ids.slice(0, end))];
}
