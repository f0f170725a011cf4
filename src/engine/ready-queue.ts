/** Numbers of steps, the most urgent first: by priority, then in the order of the plan. A binary heap. */
export class ReadyQueue {
  readonly #heap: number[] = [];
  readonly #priority: (index: number) => number;

  constructor(priority: (index: number) => number) {
    this.#priority = priority;
  }

  get size(): number {
    return this.#heap.length;
  }

  push(index: number): void {
    const heap = this.#heap;
    heap.push(index);
    for (let child = heap.length - 1; child > 0; ) {
      const parent = (child - 1) >> 1;
      if (!this.#isBefore(child, parent)) return;
      this.#swap(child, parent);
      child = parent;
    }
  }

  pop(): number | undefined {
    const heap = this.#heap;
    const top = heap[0];
    const last = heap.pop();
    if (last === undefined || top === undefined || heap.length === 0) return top;
    heap[0] = last;
    for (let parent = 0; ; ) {
      const left = 2 * parent + 1;
      const right = left + 1;
      let first = parent;
      if (left < heap.length && this.#isBefore(left, first)) first = left;
      if (right < heap.length && this.#isBefore(right, first)) first = right;
      if (first === parent) return top;
      this.#swap(parent, first);
      parent = first;
    }
  }

  #isBefore(a: number, b: number): boolean {
    const [left = 0, right = 0] = [this.#heap[a], this.#heap[b]];
    const difference = this.#priority(right) - this.#priority(left);
    return difference < 0 || (difference === 0 && left < right);
  }

  #swap(a: number, b: number): void {
    const heap = this.#heap;
    [heap[a], heap[b]] = [heap[b] as number, heap[a] as number];
  }
}
