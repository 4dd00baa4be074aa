import type { Verdict } from '@tacet/protocol';
import { describeError } from '@tacet/runtime';
import { isNotesLine, notesLine } from './notes.ts';
import type { NodePort } from './ports.ts';
import type { Recorder } from './recorder.ts';

interface Annotated {
  readonly sizeBytes: number | null;
  /** Why the notes do not tell the verdict, where they do not. */
  readonly notesFailure: string | undefined;
}

/**
 * Asks for the size of a backup that is made, and adds its verdict to its notes, behind what a template of the
 * job's has written there. A backup can do without both: this never rejects, also when it is cancelled.
 */
export async function annotate(
  findNode: () => Pick<NodePort, 'backupAttributes' | 'setNotes'>,
  volid: string,
  verdict: Verdict,
  recorder: Recorder,
  signal: AbortSignal,
): Promise<Annotated> {
  let sizeBytes: number | null = null;
  try {
    const node = findNode();
    const attributes = await node.backupAttributes(volid, signal);
    ({ sizeBytes } = attributes);
    // What was said before a restart is not said twice.
    const before =
      attributes.notes === '' ? [] : attributes.notes.split('\n').filter((line) => !isNotesLine(line));
    await node.setNotes(volid, [...before, notesLine(verdict)].join('\n'), signal);
    return { sizeBytes, notesFailure: undefined };
  } catch (error) {
    const notesFailure = describeError(error);
    recorder.step('notes-not-written', notesFailure);
    return { sizeBytes, notesFailure };
  }
}
