import { chainCourse } from './chain-course.ts';
import type { Course } from './course.ts';
import { flightCourse } from './flight-course.ts';
import { limitCourse } from './limit-course.ts';
import { submissionCourse } from './submission-course.ts';
import { tickCourse } from './tick-course.ts';

/** By kind; a seed is one course. */
export const COURSES: Readonly<Record<string, (seed: number) => Promise<Course>>> = {
  flights: flightCourse,
  submissions: submissionCourse,
  ticks: tickCourse,
  chains: chainCourse,
  limits: limitCourse,
};
