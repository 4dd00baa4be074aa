import { createContext, type RefObject, useContext, useEffect, useRef } from 'react';

/** Whether somebody has gone from one page to another: on the first one nobody has, and the focus stays. */
export const HasMoved = createContext<RefObject<boolean>>({ current: false });

/** Whoever cannot see that another page has come hears its heading. */
export function useFocusOnHeading(location: string): RefObject<boolean> {
  const last = useRef(location);
  const hasMoved = useRef(false);
  useEffect(() => {
    if (last.current === location) return;
    last.current = location;
    hasMoved.current = true;
    window.scrollTo(0, 0);
    document.querySelector('nav [aria-current]')?.scrollIntoView({ inline: 'nearest', block: 'nearest' });
    document.querySelector<HTMLElement>('main h1')?.focus({ preventScroll: true });
  }, [location]);
  return hasMoved;
}

/** For a heading that takes another's place when the page has loaded: the focus is not lost with that. */
export function useKeptFocus(): RefObject<HTMLHeadingElement | null> {
  const heading = useRef<HTMLHeadingElement>(null);
  const hasMoved = useContext(HasMoved);
  useEffect(() => {
    if (hasMoved.current && document.activeElement === document.body) {
      heading.current?.focus({ preventScroll: true });
    }
  }, [hasMoved]);
  return heading;
}
