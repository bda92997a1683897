-- coroutines.lua: producers and consumers, generators and a scheduler.
--
-- Pipelines of filters, lazy streams (primes, merges, permutations), the
-- same-fringe problem, a round-robin scheduler with timers, channels and
-- joins, error propagation through wraps, and closing of coroutines with
-- pending to-be-closed variables.

local yield, wrap = coroutine.yield, coroutine.wrap

local function producer(n) return wrap(function() for i = 1, n do yield(i) end end) end

local function filter(test, source)
  return wrap(function()
    for value in source do
      if test(value) then yield(value) end
    end
  end)
end

local function map(f, source)
  return wrap(function()
    for value in source do yield(f(value)) end
  end)
end

local function batch(size, source)
  return wrap(function()
    local list = {}
    for value in source do
      list[#list + 1] = value
      if #list == size then
        yield(list)
        list = {}
      end
    end
    if #list > 0 then yield(list) end
  end)
end

local odd_squares = map(function(x) return x * x end, filter(function(x) return x % 2 == 1 end, producer(15)))
for list in batch(3, odd_squares) do io.write("[", table.concat(list, " "), "] ") end
print()

-- A sieve in which each prime adds one more filter to the chain.
local function primes()
  return wrap(function()
    local source, n = nil, 1
    source = wrap(function() while true do n = n + 1; yield(n) end end)
    while true do
      local prime = source()
      yield(prime)
      local rest = source
      source = filter(function(x) return x % prime ~= 0 end, rest)
    end
  end)
end

local function take(n, source)
  local list = {}
  for i = 1, n do list[i] = source() end
  return list
end
local list = take(45, primes())
print("primes", table.concat(list, " ", 1, 30), list[45])

local function merge(a, b)
  return wrap(function()
    local x, y = a(), b()
    while x or y do
      if not y or x and x < y then
        yield(x)
        x = a()
      elseif not x or y < x then
        yield(y)
        y = b()
      else
        x = a()
      end
    end
  end)
end

local function times(k, limit) return map(function(i) return i * k end, producer(limit // k)) end
local merged = {}
for v in merge(times(7, 60), merge(times(4, 60), times(10, 60))) do merged[#merged + 1] = v end
print("merged", table.concat(merged, " "))

local function permutations(list, n)
  n = n or #list
  if n <= 1 then
    yield(table.concat(list))
  else
    for i = 1, n do
      list[i], list[n] = list[n], list[i]
      permutations(list, n - 1)
      list[i], list[n] = list[n], list[i]
    end
  end
end
local seen, count, first, last = {}, 0, nil, nil
for p in wrap(function() permutations { "a", "b", "c", "d", "e", "f", "g" } end) do
  if not seen[p] then seen[p], count = true, count + 1 end
  first, last = first or p, p
end
print("permutations", count, first, last)

local function fringe(tree)
  return wrap(function()
    local function walk(t)
      if type(t) ~= "table" then yield(t) return end
      for _, child in ipairs(t) do walk(child) end
    end
    walk(tree)
  end)
end
local function same_fringe(a, b)
  local x, y = fringe(a), fringe(b)
  repeat
    local p, q = x(), y()
    if p ~= q then return false end
  until p == nil
  return true
end
print("fringe", same_fringe({ 1, { 2, { 3 } }, 4 }, { { { 1 }, 2 }, 3, 4 }), same_fringe({ 1, 2 }, { 1, { 2, 3 } }))

local Scheduler = {}
Scheduler.__index = Scheduler

function Scheduler.new() return setmetatable({ ready = {}, timers = {}, now = 0, log = {}, switches = 0 }, Scheduler) end

function Scheduler:note(...) self.log[#self.log + 1] = self.now .. ":" .. table.concat({ ... }, " ") end

function Scheduler:spawn(name, body, ...)
  local task = { name = name, thread = coroutine.create(body), waiting = {} }
  table.insert(self.ready, { task, table.pack(self, ...) })
  return task
end

function Scheduler:sleep(ticks) return yield("sleep", ticks) end
function Scheduler:pause() return yield "pause" end
function Scheduler:join(task) return yield("join", task) end

function Scheduler:wake(task, ...) table.insert(self.ready, { task, table.pack(...) }) end

function Scheduler:step(task, args)
  self.switches = self.switches + 1
  local ok, action, arg = coroutine.resume(task.thread, table.unpack(args, 1, args.n))
  if coroutine.status(task.thread) == "dead" then
    task.done, task.ok, task.result = true, ok, action
    for _, other in ipairs(task.waiting) do self:wake(other, ok, action) end
  elseif action == "sleep" then
    table.insert(self.timers, { at = self.now + arg, task = task })
  elseif action == "join" then
    if arg.done then self:wake(task, arg.ok, arg.result) else table.insert(arg.waiting, task) end
  elseif action == "block" then
    table.insert(arg, task)
  else
    self:wake(task)
  end
end

function Scheduler:run()
  while true do
    while #self.ready > 0 do
      local entry = table.remove(self.ready, 1)
      self:step(entry[1], entry[2])
    end
    if #self.timers == 0 then return end
    local soonest = 1
    for i, timer in ipairs(self.timers) do
      if timer.at < self.timers[soonest].at then soonest = i end
    end
    local timer = table.remove(self.timers, soonest)
    self.now = timer.at
    self:wake(timer.task)
  end
end

-- A bounded channel on top of blocking.
local function channel(scheduler, capacity)
  local items, readers, writers = {}, {}, {}
  return {
    send = function(value)
      while #items >= capacity do yield("block", writers) end
      table.insert(items, value)
      if #readers > 0 then scheduler:wake(table.remove(readers, 1)) end
    end,
    receive = function()
      while #items == 0 do yield("block", readers) end
      local value = table.remove(items, 1)
      if #writers > 0 then scheduler:wake(table.remove(writers, 1)) end
      return value
    end,
  }
end

local s = Scheduler.new()
local pipe, total = channel(s, 2), 0
local sender = s:spawn("sender", function(self, n)
  for i = 1, n do
    pipe.send(i)
    if i % 50 == 0 then self:sleep(3) end
  end
  pipe.send(nil or false)
  return n
end, 200)
local receiver = s:spawn("receiver", function()
  for value in pipe.receive do
    if value == false then break end
    total = total + value
  end
  return total
end)
local faulty = s:spawn("faulty", function(self)
  self:sleep(4)
  error({ code = 42 })
end)
s:spawn("watcher", function(self)
  for _, task in ipairs { sender, faulty, receiver } do
    local ok, result = self:join(task)
    self:note(task.name, tostring(ok), type(result) == "table" and "code " .. result.code or tostring(result))
  end
end)
for i = 1, 2 do
  s:spawn("ticker" .. i, function(self)
    for tick = 1, 3 do
      self:sleep(i * 2)
      self:note("tick", i, tick)
    end
  end)
end
s:run()
print("log", table.concat(s.log, ", "))
print("switches", s.switches, "end", s.now)

local closed = {}
local thread = coroutine.create(function(...)
  local guard <close> = setmetatable({}, { __close = function(_, e) closed[#closed + 1] = "guard " .. tostring(e) end })
  local sum = 0
  for i = 1, select("#", ...) do sum = sum + (yield(sum) or 0) + select(i, ...) end
  return sum
end)
print("resumed", select(2, coroutine.resume(thread, 10, 20, 30)))
print("resumed", select(2, coroutine.resume(thread, 1)))
print("closed", coroutine.close(thread), coroutine.status(thread), closed[1], coroutine.resume(thread))
local bad = wrap(function() yield(1) error("inner failure", 0) end)
print("errors", bad(), pcall(bad))
print("nested", pcall(wrap(function() return pcall(function() yield() end) end)), coroutine.isyieldable(), (select(2, coroutine.running())))
