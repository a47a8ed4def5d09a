"""Every change of a job's state, as one Lua step each: Redis runs a script whole or not at all.

A script gets (key prefix, job id, its own arguments). It reads the clock of Redis, so that leases need no agreement
between machines, and answers with a list whose first entry is a word. Keys, all below the prefix:

    :job:<id>                 hash, the record
    :index:<kind>:<status>    sorted set of ids, all scores 0: ids sort by age; <status> may be `all`
    :waiting:<kind>           sorted set of queued ids in the order in which they are to run, see below
    :waiting-of:<owner>       set of an owner's queued ids
    :turn:<kind>              the score of the job that was claimed last
    :turns:<kind>             hash: owner -> the score that its next job gets at least
    :leases                   sorted set of ids by lease_until
    :parked                   sorted set of ids by the time they were handed from one worker to the next
    :deadlines                sorted set of ids by the next time retention has to look at them
    :duration:<kind>          mean duration in seconds of recent successful executions
    :duration:<kind>:<needs>  the same of those with these needs (`service.jobs.needs`)
    :figures:ended            hash: <kind>:<status> -> jobs that ended so, for the operator's figures
    :figures:failures         hash: code of the error -> jobs that failed of it
    :figures:took:<what>      hash: upper bound in seconds (`durations`), `more` -> how many; `sum` of seconds. <what>
                              is a <kind> (successful executions), stage:<stage> or wait:<kind>
    :events:<id>              stream of the job's latest changes; an entry's id is the record's version
    :batch..., :outbox        what batches and webhooks are told (`service.jobs.told`)
    :changed                  channel: the id of every job that changed, with ` progress` where its state stays

The order is fair between owners (start-time fair queueing): a job's score is one more than that of its owner's last,
but at least that of the job claimed last. Who has sixty jobs waiting and who comes with one take turns. Scores start
at the time of day, so that jobs that waited before an upgrade stay first. Priorities count among an owner's own jobs:
one that comes takes the place of the first with a lower priority, and those behind move back by one of its owner's
places. Below, an owner's `:index:` names have the owner's id before the kind.

The keys are built inside the scripts, so this needs one Redis (or a primary with replicas), not a Redis Cluster.
"""

from __future__ import annotations

from service.jobs import durations
from service.jobs.told import COUNT_IN_BATCH, TELL

_BASICS = """
local prefix, id = ARGV[1], ARGV[2]
local key = prefix .. ':job:' .. id
local time = redis.call('TIME')
local now = tonumber(time[1]) + tonumber(time[2]) / 1000000

local function stamp(seconds) return string.format('%.6f', seconds) end
local function field(name) return redis.call('HGET', key, name) or '' end
local function set(...) redis.call('HSET', key, ...) end

local function observe(what, seconds)
  local bucket = 'more'
  for _, bound in ipairs({BOUNDS_S}) do
    if seconds <= bound then
      bucket = tostring(bound)
      break
    end
  end
  redis.call('HINCRBY', prefix .. ':figures:took:' .. what, bucket, 1)
  redis.call('HINCRBYFLOAT', prefix .. ':figures:took:' .. what, 'sum', stamp(seconds))
end

local function end_stage()
  local since = tonumber(field('stage_since'))
  if since ~= nil and field('stage') ~= '' then observe('stage:' .. field('stage'), now - since) end
  set('stage_since', '')
end

local function announce(event)
  local version = redis.call('HINCRBY', key, 'version', 1)
  redis.call('XADD', prefix .. ':events:' .. id, 'MAXLEN', '~', 1024, version .. '-0', 'event', event or 'status',
    'status', field('status'), 'stage', field('stage'), 'progress', field('progress'))
  -- who waits for a job's end need not wake for its progress
  redis.call('PUBLISH', prefix .. ':changed', event == 'progress' and id .. ' progress' or id)
end

""".replace("BOUNDS_S", ", ".join(f"{bound:g}" for bound in durations.BOUNDS_S))
PRELUDE = (
    _BASICS
    + TELL
    + COUNT_IN_BATCH
    + """
local function index(status)
  local owner = field('owner')
  return prefix .. ':index:' .. (owner ~= '' and owner .. ':' or '') .. field('kind') .. ':' .. status
end

local function turn(kind) return tonumber(redis.call('GET', prefix .. ':turn:' .. kind) or now) end

local function leave_queue()
  local kind = field('kind')
  redis.call('ZREM', prefix .. ':waiting:' .. kind, id)
  redis.call('SREM', prefix .. ':waiting-of:' .. field('owner'), id)
  if redis.call('EXISTS', prefix .. ':waiting:' .. kind) == 0 then
    redis.call('DEL', prefix .. ':turn:' .. kind, prefix .. ':turns:' .. kind)
  end
end

local function enter(status)
  local kind = field('kind')
  redis.call('ZREM', index(field('status')), id)
  redis.call('ZADD', index(status), 0, id)
  if status == 'queued' then -- it has had its turn before, and goes first
    redis.call('ZADD', prefix .. ':waiting:' .. kind, stamp(turn(kind)), id)
    redis.call('SADD', prefix .. ':waiting-of:' .. field('owner'), id)
  else
    leave_queue()
  end
  redis.call('ZREM', prefix .. ':parked', id)
  if status ~= 'running' and status ~= 'canceling' then
    redis.call('ZREM', prefix .. ':leases', id)
    set('execution_id', '', 'lease_until', '')
  end
  count_in_batch(field('batch_id'), field('status'), status)
  set('status', status)
end

local function lease(seconds)
  set('lease_until', stamp(now + seconds))
  redis.call('ZADD', prefix .. ':leases', stamp(now + seconds), id)
end

local function lease_is_live()
  local until_ = tonumber(field('lease_until'))
  return until_ ~= nil and until_ > now
end

local function finish(status)
  enter(status)
  redis.call('HINCRBY', prefix .. ':figures:ended', field('kind') .. ':' .. status, 1)
  local expires = now + tonumber(field('output_ttl_s'))
  set('finished_at', stamp(now), 'expires_at', stamp(expires))
  redis.call('ZADD', prefix .. ':deadlines', 'LT', stamp(expires), id)
  announce()
  redis.call('EXPIRE', prefix .. ':events:' .. id, 86400)
  tell_of_job(status)
end

-- Running, but held by no execution: handed over and not yet taken.
local function is_parked()
  return field('status') == 'running' and redis.call('ZSCORE', prefix .. ':parked', id) ~= false
end

local function owns(token) return token ~= '' and field('execution_id') == token end
"""
)

# A new job's place in the order.
TAKE_A_TURN = """
local kind, owner = field('kind'), field('owner')
local turns = prefix .. ':turns:' .. kind
local score = math.max(turn(kind), tonumber(redis.call('HGET', turns, owner) or 0))
redis.call('ZADD', prefix .. ':waiting:' .. kind, stamp(score), id)
redis.call('SADD', prefix .. ':waiting-of:' .. owner, id)
redis.call('HSET', turns, owner, stamp(score + 1))
redis.call('SETNX', prefix .. ':turn:' .. kind, stamp(score))
local ranks = {low = 1, normal = 2, high = 3}
local function rank(name)
  return ranks[redis.call('HGET', prefix .. ':job:' .. name, 'priority') or 'normal'] or 2
end
local places, own, mine, has_lower = {}, {}, rank(id), false
for lower = 1, mine - 1 do
  has_lower = has_lower or redis.call('HEXISTS', turns, owner .. '/' .. lower) == 1
end
redis.call('HSET', turns, owner .. '/' .. mine, '1') -- it has had such jobs since the queue was last empty
local waiting = has_lower and redis.call('ZRANGE', prefix .. ':waiting:' .. kind, 0, -1, 'WITHSCORES') or {}
for i = 1, #waiting, 2 do
  if waiting[i] ~= id and redis.call('SISMEMBER', prefix .. ':waiting-of:' .. owner, waiting[i]) == 1 then
    if #own > 0 or rank(waiting[i]) < mine then
      table.insert(own, waiting[i])
      table.insert(places, waiting[i + 1])
    end
  end
end
if #own > 0 then
  table.insert(own, 1, id)
  table.insert(places, stamp(score))
  for i, name in ipairs(own) do redis.call('ZADD', prefix .. ':waiting:' .. kind, places[i], name) end
end
return {'yes'}
"""

# ARGV 2: kind, in place of an id
FIRST_WAITING = """
for _, candidate in ipairs(redis.call('ZRANGE', prefix .. ':waiting:' .. id, 0, -1)) do
  local found = redis.call('HMGET', prefix .. ':job:' .. candidate, 'retry_at', 'deadline_at')
  local retry_at, deadline = tonumber(found[1] or ''), tonumber(found[2] or '')
  if (retry_at == nil or retry_at <= now) and (deadline == nil or deadline > now) then return {candidate} end
end
return {''}
"""

# ARGV 3: execution id, 4: lease in seconds
CLAIM = """
if is_parked() then
  redis.call('ZREM', prefix .. ':parked', id)
elseif field('status') == 'queued' then
  local deadline = tonumber(field('deadline_at'))
  if deadline ~= nil and deadline <= now then return {'no'} end -- the sweeper lets it expire
  local kind = field('kind')
  local score = tonumber(redis.call('ZSCORE', prefix .. ':waiting:' .. kind, id) or now)
  redis.call('SET', prefix .. ':turn:' .. kind, stamp(math.max(turn(kind), score)))
  enter('running')
  redis.call('HINCRBY', key, 'attempt', 1)
  set('progress', '0', 'stage', '', 'stage_since', '', 'retry_at', '')
  if field('started_at') == '' then observe('wait:' .. kind, math.max(now - tonumber(field('created_at')), 0)) end
  tell_of_job('running')
else
  return {'no'}
end
set('execution_id', ARGV[3], 'claimed_at', stamp(now))
if field('started_at') == '' then set('started_at', stamp(now)) end
lease(tonumber(ARGV[4]))
announce()
return {'yes'}
"""

# ARGV 3: execution id, 4: lease in seconds
RENEW = """
if not owns(ARGV[3]) then return {'no'} end
lease(tonumber(ARGV[4]))
return {'yes'}
"""

# ARGV 3: execution id, 4: scenes as JSON
HAND_OVER = """
if not owns(ARGV[3]) then return {'lost'} end
if field('status') == 'canceling' then return {'cancel'} end
end_stage()
set('scenes', ARGV[4], 'execution_id', '', 'lease_until', '')
redis.call('ZREM', prefix .. ':leases', id)
redis.call('ZADD', prefix .. ':parked', stamp(now), id)
announce()
return {'yes'}
"""

# ARGV 3: execution id, 4: stage, 5: fraction
PROGRESS = """
if not owns(ARGV[3]) then return {'lost'} end
if field('status') == 'canceling' then return {'cancel'} end
if field('stage') ~= ARGV[4] or field('progress') ~= ARGV[5] then
  if field('stage') ~= ARGV[4] then
    end_stage()
    set('stage_since', stamp(now))
  end
  set('stage', ARGV[4], 'progress', ARGV[5])
  announce('progress')
end
return {'go'}
"""

# ARGV 3: result as JSON, 4: engine as JSON; of a record that was written in the same transaction
ANSWER = """
set('result', ARGV[3], 'engine', ARGV[4], 'progress', '1', 'started_at', stamp(now))
finish('succeeded')
return {'yes'}
"""

# ARGV 3: execution id, 4: result as JSON, 5: engine as JSON or '', 6: the job's needs, 7: '1' where its duration tells
# how long the next will take
PUBLISH = """
if not owns(ARGV[3]) then return {'no'} end
if field('status') == 'canceling' then
  finish('canceled')
  return {'no'}
end
end_stage()
set('result', ARGV[4], 'progress', '1', 'stage', '')
if ARGV[5] ~= '' then set('engine', ARGV[5]) end
local took = now - tonumber(field('claimed_at'))
local of_kind = prefix .. ':duration:' .. field('kind')
for _, mean in ipairs(ARGV[7] == '1' and {of_kind, of_kind .. ':' .. ARGV[6]} or {}) do
  local before = tonumber(redis.call('GET', mean) or took)
  redis.call('SET', mean, stamp(before + (took - before) / 5), 'EX', 2592000)
end
observe(field('kind'), took)
finish('succeeded')
return {'yes'}
"""

# ARGV 3: execution id, 4: error as JSON
FAIL = """
if not owns(ARGV[3]) then return {'no'} end
if field('status') == 'canceling' then
  finish('canceled')
  return {'no'}
end
set('error', ARGV[4])
redis.call('HINCRBY', prefix .. ':figures:failures', cjson.decode(ARGV[4]).code or 'internal', 1)
finish('failed')
return {'yes'}
"""

REQUEST_CANCEL = """
local status = field('status')
if status == '' then return {'missing'} end
if status == 'queued' or is_parked() then
  set('cancel_requested', '1')
  finish('canceled')
elseif status == 'running' then
  set('cancel_requested', '1')
  enter('canceling')
  announce()
elseif status ~= 'canceling' then
  return {'final'}
end
return {'yes'}
"""

# ARGV 3: execution id, or '' for one that is dead
FINISH_CANCEL = """
if field('status') ~= 'canceling' then return {'no'} end
if ARGV[3] == '' and lease_is_live() then return {'no'} end
if ARGV[3] ~= '' and not owns(ARGV[3]) then return {'no'} end
finish('canceled')
return {'yes'}
"""

# ARGV 3: execution id
RELEASE = """
if not owns(ARGV[3]) then return {'no'} end
lease(0)
return {'yes'}
"""

# ARGV 3: execution id, 4: reason, 5: seconds until it may run again, 6: '1' for a passing fault of ours
REQUEUE = """
if field('status') ~= 'running' or not owns(ARGV[3]) or lease_is_live() then return {'no'} end
enter('queued')
local delay = tonumber(ARGV[5])
set('retry_at', delay > 0 and stamp(now + delay) or '')
if ARGV[6] == '1' then
  redis.call('HINCRBY', key, 'faults', 1)
  if field('first_fault_at') == '' then set('first_fault_at', stamp(now)) end
end
set('progress', '0', 'stage', '', 'scenes', '', 'requeue_reason', ARGV[4])
announce()
return {'yes'}
"""

# ARGV 3: error as JSON
EXPIRE = """
if field('status') ~= 'queued' then return {'no'} end
set('error', ARGV[3])
finish('expired')
return {'yes'}
"""

# ARGV 3: seconds since the epoch
POSTPONE = """
if redis.call('EXISTS', key) == 0 then return {'no'} end
redis.call('ZADD', prefix .. ':deadlines', ARGV[3], id)
return {'yes'}
"""

DELETE = """
local status = field('status')
redis.call('ZREM', prefix .. ':leases', id)
redis.call('ZREM', prefix .. ':parked', id)
redis.call('ZREM', prefix .. ':deadlines', id)
if status == '' then return {'no'} end
redis.call('ZREM', index(status), id)
redis.call('ZREM', index('all'), id)
count_in_batch(field('batch_id'), status, field('finished_at') == '' and 'canceled' or status)
leave_queue()
redis.call('DEL', key, prefix .. ':events:' .. id)
redis.call('PUBLISH', prefix .. ':changed', id)
return {'yes'}
"""
