import type { Backup } from '@tacet/protocol';
import { useQuery } from '@tanstack/react-query';
import { guestQuery } from '../../api/queries.ts';
import { contentsOf } from '../../model/contents.ts';
import { plural } from '../../model/numbers.ts';
import { Mark } from '../../ui/mark.tsx';

/** What a restore of this backup brings back, so that nobody has to find out by doing it. */
export function WhatComesBack({ vmid, backup }: { vmid: number; backup: Backup }) {
  const { data: guest } = useQuery(guestQuery(vmid));
  const contents = contentsOf(backup, guest);
  if (contents === null) {
    return (
      <p className="quiet">
        What ran in it then is not known: no agent was there to see it. Its whole disk comes back all the
        same.
      </p>
    );
  }
  const { services, onlyNow } = contents;
  return (
    <details className="more">
      <summary>What comes back: {plural(services.length, 'service')}, and its whole disk</summary>
      <ul className="contents">
        {services.map(({ stack, service, what, words, wasHeld, isHereNow }) => (
          <li key={`${stack}/${service}`}>
            <Mark tone={wasHeld ? 'good' : 'watch'} />
            <span>
              <strong>{stack === '' ? service : `${stack}/${service}`}</strong>
              {what !== null && ` ${what}`}{' '}
              <span className="quiet">
                {words}
                {guest !== undefined && !isHereNow && '; it is not there now'}
              </span>
            </span>
          </li>
        ))}
      </ul>
      {onlyNow.length > 0 && (
        <p>
          <strong>Not in it:</strong> {onlyNow.join(', ')} came later.
        </p>
      )}
    </details>
  );
}
