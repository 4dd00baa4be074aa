import { useState } from 'react';

/** Copies a text; where the browser does not let it, the text can still be selected. */
export function CopyButton({ text }: { text: string }) {
  const [word, setWord] = useState('Copy');
  const copy = async (): Promise<void> => {
    try {
      await navigator.clipboard.writeText(text);
      setWord('Copied');
    } catch {
      setWord('Select it, and press Ctrl+C'); // no permission, or not a secure page
    }
  };
  return (
    <button type="button" className="button" onClick={() => void copy()}>
      <span aria-live="polite">{word}</span>
    </button>
  );
}
