import { type ReactNode, useEffect, useId, useRef } from 'react';

interface DialogProps {
  readonly title: string;
  readonly onClose: () => void;
  readonly children: ReactNode;
}

/**
 * The browser's own modal dialog: it keeps the focus, makes the rest inert, closes with Escape, and gives the
 * focus back to what opened it. It is open for as long as it is mounted.
 */
export function Dialog({ title, onClose, children }: DialogProps) {
  const ref = useRef<HTMLDialogElement>(null);
  const id = useId();
  useEffect(() => {
    const opener = document.activeElement;
    ref.current?.showModal();
    return () => {
      if (opener instanceof HTMLElement) opener.focus();
    };
  }, []);
  return (
    <dialog ref={ref} aria-labelledby={id} onClose={onClose} className="dialog">
      <div className="dialog-body">
        <h2 id={id}>{title}</h2>
        {children}
      </div>
    </dialog>
  );
}

interface DialogEndProps {
  readonly onClose: () => void;
  readonly children?: ReactNode;
  /** `Close` where there is nothing to cancel any more. */
  readonly word?: string;
}

/** The row of buttons below a dialog, the way out first. */
export function DialogEnd({ onClose, children, word = 'Cancel' }: DialogEndProps) {
  return (
    <div className="dialog-end">
      <button type="button" className="button" onClick={onClose}>
        {word}
      </button>
      {children}
    </div>
  );
}
