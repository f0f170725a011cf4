import { parentPort, workerData } from 'node:worker_threads';
import { type CrewControl, serve } from './crew.ts';
import type { FitMemory } from './fit-memory.ts';

/** Main module of a thread of a crew. */
parentPort?.once('message', (memory: FitMemory) => serve(workerData as CrewControl, memory));
