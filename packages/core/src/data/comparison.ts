/**
 * How a marker belongs to the data that it is compared with. `hold`: nothing was written between it and the copy but
 * what a few moments bring. `later`: the guest has lived on after it, so that only what never goes back can be
 * compared.
 */
export type MarkerExtent = 'hold' | 'later';

/** One marker that is not as it must be; all of it for people. */
export interface DataDifference {
  /** What was compared: `position of the write-ahead log`. */
  marker: string;
  expected: string;
  found: string;
  /** What it means, as a sentence without a full stop. */
  because: string;
}

export interface DataComparison {
  /** What was compared, each in a few words. */
  compared: string[];
  differences: DataDifference[];
  /** What could not be compared, and why. */
  left: string[];
}

export const nothingCompared = (why: string): DataComparison => ({
  compared: [],
  differences: [],
  left: [why],
});
