import { createRequire } from 'node:module';
import type * as prom from 'prom-client';

const load = createRequire(import.meta.url);

/**
 * What of prom-client counts. Its own index also loads what watches a process, and with that fifty files of
 * another library, for which a server that starts would wait 30 ms.
 */
export const Counter = load('prom-client/lib/counter.js') as typeof prom.Counter;
export const Gauge = load('prom-client/lib/gauge.js') as typeof prom.Gauge;
export const Histogram = load('prom-client/lib/histogram.js') as typeof prom.Histogram;
export const Registry = load('prom-client/lib/registry.js') as typeof prom.Registry;
