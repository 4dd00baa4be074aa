import type { Guest } from '@tacet/protocol';
import { plural } from '../../model/numbers.ts';
import { type ServiceNode, stackTree } from '../../model/stacks.ts';
import { Mark } from '../../ui/mark.tsx';
import { Empty } from '../../ui/panel.tsx';

export function Stacks({ guest }: { guest: Guest }) {
  const tree = stackTree(guest);
  if (tree.length === 0) {
    return (
      <Empty title="No container runs here.">
        <p>As soon as its engine has one, it is shown here.</p>
      </Empty>
    );
  }
  return (
    <div className="stacks">
      {!guest.connected && <p className="quiet">As the agent saw it last:</p>}
      {tree.map(({ stack, tone, services }) => (
        <details key={stack} open className="stack-node">
          <summary>
            <Mark tone={tone} />
            <strong>{stack === '' ? 'No stack' : stack}</strong>{' '}
            <span className="quiet">{plural(services.length, 'service')}</span>
          </summary>
          <ul>
            {services.map((service) => (
              <Service key={service.status.service} node={service} />
            ))}
          </ul>
        </details>
      ))}
    </div>
  );
}

function Service({ node: { status, said, isUnattended, evidence } }: { node: ServiceNode }) {
  return (
    <li className="service">
      <Mark tone={said.tone} />
      <div>
        <p>
          <strong>{status.service}</strong> <span>{said.words}</span>
        </p>
        <p className="mono quiet service-image">{status.image}</p>
      </div>
      <p className="quiet service-facts">
        {evidence !== null && <>held by {evidence.method}, </>}
        {isUnattended ? 'no restart policy' : `restarts ${status.restartPolicy}`}
      </p>
    </li>
  );
}
