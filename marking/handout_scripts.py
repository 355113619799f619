"""The Lua of the hand-out. Each script is one atomic step in Redis; `marking.handout` names their arguments.

Keys of an exam, all behind one prefix with a hash tag (so that they share a cluster slot):
queue:<queue>  sorted set: the window of a queue, members `task|response|school` by their place. A queue is
               `<paper>/<group>/<level>`, or `<paper>/<group>/<level>@<user>` for tasks of one marker alone
reach          hash queue -> the place up to which its window holds every waiting task; `inf`: all there are
filling        hash queue -> somebody is fetching more of it
beyond         hash queue -> how many waited beyond the window when they were last counted
leases         sorted set task -> when its lease ends, in ms of the server's own clock
holders        hash task -> user
held:<user>    hash task -> `queue|place|member`, what is needed to put it back
seen:<user>    set of the responses that the user has marked and that others may still mark
cursors        hash `queue|user` -> where a long fruitless search goes on
epoch          there since Redis was last rebuilt from the database
"""

_SHARED = """
local P = ARGV[1]
local function name(queue) return P .. 'queue:' .. queue end
local function split(entry) return string.match(entry, '^([^|]*)|([^|]*)|(.*)$') end
local function is_own(queue) return string.find(queue, '@', 1, true) ~= nil end
local function clock()
  local time = redis.call('TIME')
  return time[1] * 1000 + math.floor(time[2] / 1000)
end
local function forget(task)
  local user = redis.call('HGET', P .. 'holders', task)
  if user then
    redis.call('HDEL', P .. 'held:' .. user, task)
    redis.call('HDEL', P .. 'holders', task)
  end
  redis.call('ZREM', P .. 'leases', task)
end
local function put_back(task)
  local user = redis.call('HGET', P .. 'holders', task)
  local entry = user and redis.call('HGET', P .. 'held:' .. user, task)
  if entry then
    local queue, place, member = split(entry)
    redis.call('ZADD', name(queue), place, member)
  end
  forget(task)
end
local function lease(user, task, queue, place, member, until_ms)
  redis.call('HSET', P .. 'held:' .. user, task, queue .. '|' .. place .. '|' .. member)
  redis.call('HSET', P .. 'holders', task, user)
  redis.call('ZADD', P .. 'leases', until_ms, task)
end
"""

# ARGV: prefix, lease ms, longest search, low; then of each ask: user, wanted, number of queues, number of excluded schools,
# queues..., schools... Returns whether the epoch is there, the queues to fill, all queues of everybody that were asked (each with
# what waits in its window and beyond it), and of each ask its tasks as `task|response`, those that were held before first.
TAKE = (
    _SHARED
    + """
local lease_ms, budget, low = tonumber(ARGV[2]), tonumber(ARGV[3]), tonumber(ARGV[4])
local now = clock()
local to_fill, is_known = {}, {}
for _, task in ipairs(redis.call('ZRANGEBYSCORE', P .. 'leases', '-inf', now, 'LIMIT', 0, 100)) do put_back(task) end

local function look_at_window(queue)
  if is_known[queue] or is_own(queue) then return end
  is_known[queue] = true
  local reach = redis.call('HGET', P .. 'reach', queue)
  if not reach or (reach ~= 'inf' and redis.call('ZCARD', name(queue)) < low) then to_fill[#to_fill + 1] = queue end
end

local function search(ask, queue)
  local key, own, left, last = name(queue), is_own(queue), budget, nil
  local rank, round, mark, cursor = 0, false, nil, nil
  if not own then
    mark = queue .. '|' .. ask.user
    cursor = redis.call('HGET', P .. 'cursors', mark)
    if cursor then rank = redis.call('ZCOUNT', key, '-inf', '(' .. cursor) end
    round = rank > 0
  end
  local size = ask.wanted - #ask.found
  while #ask.found < ask.wanted and left > 0 do
    local page = redis.call('ZRANGE', key, rank, rank + size - 1, 'WITHSCORES')
    if #page == 0 then
      if not round then break end
      rank, round = 0, false
    end
    for i = 1, #page, 2 do
      local task, response, school = split(page[i])
      left, last = left - 1, page[i + 1]
      if #ask.found < ask.wanted and not ask.responses[response]
         and (own or (not ask.excluded[school] and redis.call('SISMEMBER', ask.seen, response) == 0)) then
        redis.call('ZREM', key, page[i])
        lease(ask.user, task, queue, page[i + 1], page[i], now + lease_ms)
        ask.responses[response] = true
        ask.found[#ask.found + 1] = task .. '|' .. response
      else
        rank = rank + 1
      end
    end
    size = 16
  end
  if own then return end
  if left <= 0 and #ask.found < ask.wanted then
    redis.call('HSET', P .. 'cursors', mark, last)
  elseif cursor then
    redis.call('HDEL', P .. 'cursors', mark)
  end
end

local answer, common, i = {0, to_fill, {}}, {}, 5
while i <= #ARGV do
  local ask = {user = ARGV[i], wanted = tonumber(ARGV[i + 1]), found = {}, responses = {}, excluded = {}, seen = P .. 'seen:' .. ARGV[i]}
  local queues, schools = tonumber(ARGV[i + 2]), tonumber(ARGV[i + 3])
  i = i + 4
  local asked = {}
  for j = i, i + queues - 1 do
    asked[ARGV[j]] = true
    if not is_own(ARGV[j]) then common[ARGV[j]] = true end
  end
  for j = i + queues, i + queues + schools - 1 do ask.excluded[ARGV[j]] = true end
  local mine = redis.call('HGETALL', P .. 'held:' .. ask.user)
  for j = 1, #mine, 2 do
    local queue, _, member = split(mine[j + 1])
    local _, response = split(member)
    ask.responses[response] = true
    redis.call('ZADD', P .. 'leases', now + lease_ms, mine[j])
    if asked[queue] and #ask.found < ask.wanted then ask.found[#ask.found + 1] = mine[j] .. '|' .. response end
  end
  for j = i, i + queues - 1 do
    if #ask.found >= ask.wanted then break end
    search(ask, ARGV[j])
    look_at_window(ARGV[j])
  end
  i = i + queues + schools
  answer[#answer + 1] = ask.found
end
for queue, _ in pairs(common) do
  local counts = answer[3]
  counts[#counts + 1] = queue
  counts[#counts + 1] = redis.call('ZCARD', name(queue)) + math.max(0, tonumber(redis.call('HGET', P .. 'beyond', queue) or 0))
end
answer[1] = redis.call('EXISTS', P .. 'epoch')
return answer
"""
)

# ARGV: prefix, window, most waiting, then steps: 'done' user task response queue member | 'gone' task queue member
#       | 'offer' queue place member | 'back' task | 'seen' user response
APPLY = (
    _SHARED
    + """
local window, most = tonumber(ARGV[2]), tonumber(ARGV[3])
local function offer(queue, place, member)
  if redis.call('HEXISTS', P .. 'holders', (split(member))) == 1 then return end
  local key = name(queue)
  if is_own(queue) then
    redis.call('ZADD', key, place, member)
    return
  end
  local reach = redis.call('HGET', P .. 'reach', queue)
  local inside = reach and (reach == 'inf' or tonumber(place) <= tonumber(reach))
  if not inside and redis.call('HEXISTS', P .. 'filling', queue) == 0 then return end
  redis.call('ZADD', key, place, member)
  if inside and redis.call('ZCARD', key) > most then
    local last = redis.call('ZRANGE', key, window - 1, window - 1, 'WITHSCORES')
    redis.call('ZREMRANGEBYRANK', key, window, -1)
    redis.call('HSET', P .. 'reach', queue, last[2])
  end
end
local i = 4
while i <= #ARGV do
  local step = ARGV[i]
  if step == 'done' then
    forget(ARGV[i + 2])
    redis.call('ZREM', name(ARGV[i + 4]), ARGV[i + 5])
    if ARGV[i + 3] ~= '-' then redis.call('SADD', P .. 'seen:' .. ARGV[i + 1], ARGV[i + 3]) end
    i = i + 6
  elseif step == 'gone' then
    forget(ARGV[i + 1])
    redis.call('ZREM', name(ARGV[i + 2]), ARGV[i + 3])
    i = i + 4
  elseif step == 'offer' then
    offer(ARGV[i + 1], ARGV[i + 2], ARGV[i + 3])
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

# ARGV: prefix, queue, reach before, reach from now on, whether anew, then a line for each task: its place, a space, its member.
# Returns 0 when another was quicker.
FILL = (
    _SHARED
    + """
local queue, before, anew = ARGV[2], ARGV[3], ARGV[5] == '1'
local key = name(queue)
redis.call('HDEL', P .. 'filling', queue)
if (redis.call('HGET', P .. 'reach', queue) or '') ~= before and not anew then return 0 end
if anew then redis.call('DEL', key) end
local count = 0
for place, member in string.gmatch(ARGV[6], '([^ \\n]+) ([^\\n]*)') do
  if redis.call('HEXISTS', P .. 'holders', (split(member))) == 0 then redis.call('ZADD', key, place, member) end
  count = count + 1
end
redis.call('HSET', P .. 'reach', queue, ARGV[4])
if ARGV[4] == 'inf' then
  redis.call('HDEL', P .. 'beyond', queue)
elseif ARGV[4] ~= before and redis.call('HEXISTS', P .. 'beyond', queue) == 1 then
  redis.call('HINCRBY', P .. 'beyond', queue, -count)
end
return 1
"""
)

# ARGV: prefix, user, lease ms, then queue, place, member of each task. Returns the ids of those that nobody held.
CLAIM = (
    _SHARED
    + """
local user, until_ms, claimed = ARGV[2], clock() + tonumber(ARGV[3]), {}
for i = 4, #ARGV, 3 do
  local task = split(ARGV[i + 2])
  if redis.call('HEXISTS', P .. 'holders', task) == 0 then
    redis.call('ZREM', name(ARGV[i]), ARGV[i + 2])
    lease(user, task, ARGV[i], ARGV[i + 1], ARGV[i + 2], until_ms)
    claimed[#claimed + 1] = task
  end
end
return claimed
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
