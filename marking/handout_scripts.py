"""The Lua of the hand-out. Each script is one atomic step in Redis; `marking.handout` names their arguments.

Keys of an exam, all behind one prefix with a hash tag (so that they share a cluster slot):
queue:<paper>/<group>/<level>  sorted set of waiting tasks `task|response|school`; the score is random, less its priority
leases                         sorted set task -> when its lease ends, in ms of the server's own clock
holders                        hash task -> user
held:<user>                    hash task -> `queue|score|member`, what is needed to put it back
seen:<user>                    set of the responses that the user has marked
cursors                        hash `queue|user` -> where a long fruitless search goes on
epoch                          there since Redis was last rebuilt from the database
"""

_SHARED = """
local P = ARGV[1]
local function name(queue) return P .. 'queue:' .. queue end
local function split(entry) return string.match(entry, '^([^|]*)|([^|]*)|(.*)$') end
local function forget(task)
  local user = redis.call('HGET', P .. 'holders', task)
  if user then
    redis.call('HDEL', P .. 'held:' .. user, task)
    redis.call('HDEL', P .. 'holders', task)
    redis.call('ZREM', P .. 'leases', task)
  end
end
local function put_back(task)
  local user = redis.call('HGET', P .. 'holders', task)
  local entry = user and redis.call('HGET', P .. 'held:' .. user, task)
  if entry then
    local queue, score, member = split(entry)
    redis.call('ZADD', name(queue), score, member)
  end
  forget(task)
  redis.call('ZREM', P .. 'leases', task)
end
"""

# ARGV: prefix, user, wanted, lease ms, longest search, number of queues, queues..., excluded schools...
# Returns whether the epoch is there, then the ids of held tasks, those that were held before first.
TAKE = (
    _SHARED
    + """
local user, wanted, lease, budget, count = ARGV[2], tonumber(ARGV[3]), tonumber(ARGV[4]), tonumber(ARGV[5]), tonumber(ARGV[6])
local clock = redis.call('TIME')
local now = clock[1] * 1000 + math.floor(clock[2] / 1000)
local held, seen = P .. 'held:' .. user, P .. 'seen:' .. user
local queues, excluded, responses, found = {}, {}, {}, {}
for i = 1, count do queues[ARGV[6 + i]] = true end
for i = 7 + count, #ARGV do excluded[ARGV[i]] = true end

for _, task in ipairs(redis.call('ZRANGEBYSCORE', P .. 'leases', '-inf', now, 'LIMIT', 0, 100)) do put_back(task) end

local mine = redis.call('HGETALL', held)
for i = 1, #mine, 2 do
  local queue, _, member = split(mine[i + 1])
  local _, response = split(member)
  responses[response] = true
  redis.call('ZADD', P .. 'leases', now + lease, mine[i])
  if queues[queue] and #found < wanted then found[#found + 1] = mine[i] end
end

local function hand_out(queue, score, member, task, response)
  redis.call('ZREM', name(queue), member)
  redis.call('HSET', held, task, queue .. '|' .. score .. '|' .. member)
  redis.call('HSET', P .. 'holders', task, user)
  redis.call('ZADD', P .. 'leases', now + lease, task)
  responses[response] = true
  found[#found + 1] = task
end

local function search(queue)
  local key, mark = name(queue), queue .. '|' .. user
  local cursor = redis.call('HGET', P .. 'cursors', mark)
  local rank = cursor and redis.call('ZCOUNT', key, '-inf', '(' .. cursor) or 0
  local round, stop, left, last = rank > 0, nil, budget, nil
  while #found < wanted and left > 0 do
    local page = redis.call('ZRANGE', key, rank, rank + 15, 'WITHSCORES')
    if #page == 0 then
      if not round then break end
      rank, round = 0, false
    end
    for i = 1, #page, 2 do
      local task, response, school = split(page[i])
      left, last = left - 1, page[i + 1]
      if #found < wanted and not responses[response] and not excluded[school]
         and redis.call('SISMEMBER', seen, response) == 0 then
        hand_out(queue, page[i + 1], page[i], task, response)
      else
        rank = rank + 1
      end
    end
  end
  if left <= 0 and #found < wanted then
    redis.call('HSET', P .. 'cursors', mark, last)
  elseif cursor then
    redis.call('HDEL', P .. 'cursors', mark)
  end
end

for i = 1, count do
  if #found < wanted then search(ARGV[6 + i]) end
end
return {redis.call('EXISTS', P .. 'epoch'), unpack(found)}
"""
)

# ARGV: prefix, then steps: 'done' user task response queue member | 'gone' task queue member | 'offer' queue score member
#       | 'back' task | 'seen' user response
APPLY = (
    _SHARED
    + """
local i = 2
while i <= #ARGV do
  local step = ARGV[i]
  if step == 'done' then
    forget(ARGV[i + 2])
    redis.call('ZREM', name(ARGV[i + 4]), ARGV[i + 5])
    redis.call('SADD', P .. 'seen:' .. ARGV[i + 1], ARGV[i + 3])
    i = i + 6
  elseif step == 'gone' then
    forget(ARGV[i + 1])
    redis.call('ZREM', name(ARGV[i + 2]), ARGV[i + 3])
    i = i + 4
  elseif step == 'offer' then
    local task = split(ARGV[i + 3])
    if redis.call('HEXISTS', P .. 'holders', task) == 0 then redis.call('ZADD', name(ARGV[i + 1]), ARGV[i + 2], ARGV[i + 3]) end
    i = i + 4
  elseif step == 'back' then
    put_back(ARGV[i + 1])
    i = i + 2
  else
    redis.call('SADD', P .. 'seen:' .. ARGV[i + 1], ARGV[i + 2])
    i = i + 3
  end
end
return 1
"""
)

# ARGV: prefix, user. Returns how many tasks went back to their queues.
RELEASE = (
    _SHARED
    + """
local tasks = redis.call('HKEYS', P .. 'held:' .. ARGV[2])
for _, task in ipairs(tasks) do put_back(task) end
return #tasks
"""
)
