import { BOOLEAN, INTEGER, listOf, mapOf, optional, part, type Shapes, TEXT } from './shape.ts';

/** What lies directly in a folder, files with their size in bytes; paths count from the root, if there is one. */
export const LISTED_FILES: Shapes = {
  root_uri: optional(TEXT),
  files: listOf(part('FileInfo', { path: TEXT, is_dir: BOOLEAN, file_size: optional(INTEGER) })),
};

/** Where a part of an upload goes, and the headers that it is sent with. */
export const UPLOAD_CREDENTIAL = part('MultipartUploadCredential', {
  url: TEXT,
  part_number: INTEGER,
  headers: mapOf(TEXT),
});
