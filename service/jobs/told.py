"""Who is told of a job's change of state, within the same Lua step: its batch, which counts, and webhooks.

    :batch:<id>           hash, the record of a batch (`service.batches`)
    :batch-counts:<id>    hash: state -> number of the batch's items in it
    :batches-open         sorted set of the batches that have not ended, by the time they were made
    :outbox               stream of what webhooks may want to know (`service.webhooks`); written where anybody listens
    :webhook-endpoints:<owner>   sorted set of an owner's endpoints

A batch ends with its last open item, in the step that ends that item: so it ends once, and what it counts adds up.
`prefix`, `now`, `stamp`, `field` and `id` are those of `service.jobs.scripts.PRELUDE`.
"""

from __future__ import annotations

OUTBOX_MAX = 1_000_000  # entries kept while no gateway is there to send them

TELL = f"""
local function tell(event, name, owner, webhook)
  if webhook == '' and redis.call('EXISTS', prefix .. ':webhook-endpoints:' .. owner) == 0 then return end
  redis.call('XADD', prefix .. ':outbox', 'MAXLEN', '~', {OUTBOX_MAX}, '*', 'event', event, 'id', name)
end

local function tell_of_job(status)
  if redis.call('HGET', prefix .. ':job:' .. id, 'kind') ~= 'retarget' then return end
  local job = redis.call('HMGET', prefix .. ':job:' .. id, 'owner', 'webhook')
  tell('job.' .. status, id, job[1] or '', job[2] or '')
end
"""

COUNT_IN_BATCH = """
local function settle_batch(batch)
  local key = prefix .. ':batch:' .. batch
  redis.call('PUBLISH', prefix .. ':changed', batch)
  for _, name in ipairs({'pending', 'queued', 'running', 'canceling'}) do
    if tonumber(redis.call('HGET', prefix .. ':batch-counts:' .. batch, name) or 0) > 0 then return end
  end
  local found = redis.call('HMGET', key, 'status', 'owner', 'webhook')
  if found[1] ~= 'running' and found[1] ~= 'canceling' then return end
  local status = found[1] == 'running' and 'completed' or 'canceled'
  redis.call('HSET', key, 'status', status, 'finished_at', stamp(now))
  redis.call('ZREM', prefix .. ':batches-open', batch)
  tell('batch.' .. status, batch, found[2] or '', found[3] or '')
end

local function count_in_batch(batch, before, after)
  if batch == '' or before == after or redis.call('EXISTS', prefix .. ':batch:' .. batch) == 0 then return end
  local counts = prefix .. ':batch-counts:' .. batch
  redis.call('HINCRBY', counts, before, -1)
  redis.call('HINCRBY', counts, after, 1)
  settle_batch(batch)
end
"""
