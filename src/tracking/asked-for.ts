/**
 * The header by which a client with credentials of its own says for whom it works: a driver, for who submitted the
 * run. Percent-encoded.
 */
export const ASKED_FOR = 'x-stockpot-for';
