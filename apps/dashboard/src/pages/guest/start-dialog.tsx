import type { ReactNode } from 'react';
import { FormDialog } from '../../ui/form-dialog.tsx';
import { useStart } from './backup-dialog.tsx';

interface StartDialogProps {
  readonly title: string;
  /** What will happen, and to whom. */
  readonly words: string;
  /** On the button that does it. */
  readonly word: string;
  readonly path: string;
  /** Of the request; undefined while what was typed is not enough. */
  readonly body: object | undefined;
  readonly onClose: () => void;
  /** Fields, where it needs any. */
  readonly children?: ReactNode;
}

/** Says in plain words what an operation does, starts it, and goes to its page. */
export function StartDialog({ title, words, word, path, body, onClose, children }: StartDialogProps) {
  const start = useStart();
  return (
    <FormDialog
      title={title}
      change={start}
      word={word}
      isComplete={body !== undefined}
      onSubmit={() => start.mutate({ path, body })}
      onClose={onClose}
    >
      <p>{words}</p>
      {children}
    </FormDialog>
  );
}
