import type { Course } from './course.ts';
import { submissionCourse } from './submission-course.ts';

/** By kind; a seed is one course. */
export const COURSES: Readonly<Record<string, (seed: number) => Promise<Course>>> = {
  submissions: submissionCourse,
};
