import type { Remote } from '../../src/store/remote/remote.ts';

/** The methods of a remote as properties, to put others in their places. */
export function boundRemote(remote: Remote): Remote {
  return {
    name: remote.name,
    sizes: (...args) => remote.sizes(...args),
    get: (...args) => remote.get(...args),
    put: (...args) => remote.put(...args),
    readResult: (...args) => remote.readResult(...args),
    writeResult: (...args) => remote.writeResult(...args),
    writeRecord: (...args) => remote.writeRecord(...args),
    readRecords: (...args) => remote.readRecords(...args),
    removeRecords: (...args) => remote.removeRecords(...args),
    [Symbol.asyncDispose]: () => remote[Symbol.asyncDispose](),
  };
}
