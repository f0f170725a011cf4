/** Whether user and password of an address can be read: each `%` in them begins what stands for a character. */
export function isUserReadable({ username, password }: URL): boolean {
  try {
    decodeURIComponent(`${username}:${password}`);
    return true;
  } catch (error) {
    if (!(error instanceof URIError)) throw error;
    return false;
  }
}
