import { channelListSchema, deliveryListSchema } from '@tacet/protocol';
import { queryOptions } from '@tanstack/react-query';
import { get } from '../../api/request.ts';

export const channelsQuery = queryOptions({
  queryKey: ['notifications'],
  queryFn: async ({ signal }) => (await get(channelListSchema, '/notifications', signal)).channels,
});

export const deliveriesQuery = (name: string) =>
  queryOptions({
    queryKey: ['notifications', name],
    queryFn: async ({ signal }) =>
      (await get(deliveryListSchema, `/notifications/${encodeURIComponent(name)}/deliveries?limit=5`, signal))
        .deliveries,
  });
