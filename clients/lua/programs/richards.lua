-- richards.lua: a simulation of a small operating system kernel.
--
-- In the spirit of the well-known Richards benchmark but written afresh: a
-- priority scheduler runs four kinds of tasks (an idle task that paces two
-- devices, a worker, two handlers and two device drivers) which exchange
-- packets through queues and block, hold and release one another.  At the end
-- a trace checksum and the packet counters are printed; a second simulation
-- with the same seed must reproduce them exactly.

local READY <const>, WAITING <const>, HELD <const> = 1, 2, 4
local WORK <const>, DEVICE <const> = "work", "device"

local Queue = {}
Queue.__index = Queue

function Queue.new() return setmetatable({ first = 1, last = 0 }, Queue) end

function Queue:push(item)
  self.last = self.last + 1
  self[self.last] = item
end

function Queue:pop()
  if self.first > self.last then return nil end
  local item = self[self.first]
  self[self.first] = nil
  self.first = self.first + 1
  return item
end

Queue.__len = function(self) return self.last - self.first + 1 end

local Kernel = {}
Kernel.__index = Kernel

function Kernel.new(seed)
  return setmetatable({
    tasks = {}, order = {}, clock = 0, switches = 0,
    seed = seed, trace = 0x811C9DC5, sent = 0, held = 0,
  }, Kernel)
end

function Kernel:random(n)
  self.seed = (self.seed * 1103515245 + 12345) & 0x7FFFFFFF
  return (self.seed >> 8) % n
end

function Kernel:note(value)
  self.trace = ((self.trace ~ value & 0xFF) * 0x01000193) & 0xFFFFFFFF
end

function Kernel:add(task)
  self.tasks[task.id] = task
  task.kernel = self
  local order = self.order
  local at = #order + 1
  while at > 1 and order[at - 1].priority < task.priority do at = at - 1 end
  table.insert(order, at, task)
  return task
end

function Kernel:send(id, packet)
  local task = self.tasks[id]
  self.sent = self.sent + 1
  task.inbox:push(packet)
  task.state = task.state & ~WAITING
end

function Kernel:hold(task)
  self.held = self.held + 1
  task.state = task.state | HELD
end

function Kernel:release(id)
  self.tasks[id].state = self.tasks[id].state & ~HELD
end

-- The highest-priority task that is neither waiting nor held runs one step.
function Kernel:pick()
  for _, task in ipairs(self.order) do
    if task.state == READY then return task end
  end
end

function Kernel:run()
  local task = self:pick()
  while task do
    self.clock = self.clock + 1
    if task ~= self.current then
      self.switches = self.switches + 1
      self.current = task
      self:note(task.id)
    end
    task.steps = task.steps + 1
    task:step(task.inbox:pop())
    task = self:pick()
  end
end

local Task = {}
Task.__index = Task

function Task:extend(name)
  local class = setmetatable({ name = name }, { __index = self, __call = self.create })
  class.__index = class
  return class
end

function Task.create(class, id, priority, fields)
  local task = setmetatable(fields or {}, class)
  task.id, task.priority, task.state, task.steps = id, priority, READY, 0
  task.inbox = Queue.new()
  return task
end

function Task:wait()
  if #self.inbox == 0 then self.state = self.state | WAITING end
end

local Idle = Task:extend "idle"

-- Wakes one of the two drivers, chosen by a shift register, until it runs out.
function Idle:step()
  self.count = self.count - 1
  if self.count == 0 then return self.kernel:hold(self) end
  local bit = self.bits & 1
  self.bits = self.bits >> 1 ~ bit * 0xD008
  self.kernel:release(self.drivers[bit + 1])
end

local Worker = Task:extend "worker"

-- Fills each work packet with letters and alternates between the handlers.
function Worker:step(packet)
  if packet then
    self.turn = self.turn % #self.handlers + 1
    for i = 1, 4 do
      self.letter = self.letter % 26 + 1
      packet.data[i] = 64 + self.letter + self.kernel:random(2) * 32
    end
    self.kernel:send(self.handlers[self.turn], packet)
  end
  self:wait()
end

local Handler = Task:extend "handler"

-- Feeds the bytes of finished work to its driver, one device packet a byte.
function Handler:step(packet)
  if packet and packet.kind == WORK then
    self.works:push(packet)
  elseif packet then
    self.devices:push(packet)
  end
  local work = self.works[self.works.first]
  if work and #self.devices > 0 then
    self.at = self.at + 1
    local device = self.devices:pop()
    device.byte = work.data[self.at]
    self.kernel:send(self.driver, device)
    if self.at == #work.data then
      self.at = 0
      self.kernel:send(self.worker, self.works:pop())
    end
  else
    self:wait()
  end
end

local Driver = Task:extend "driver"

-- Prints the byte and is held until the idle task lets the device finish.
function Driver:step(packet)
  if self.pending then
    self.kernel:send(self.owner, self.pending)
    self.pending = nil
  end
  if packet then
    self.output[#self.output + 1] = string.char(packet.byte)
    self.kernel:note(packet.byte)
    self.pending = packet
    self.kernel:hold(self)
  else
    self:wait()
  end
end

local function simulate(seed, count)
  local kernel = Kernel.new(seed)
  kernel:add(Idle(1, 0, { count = count, bits = 1, drivers = { 5, 6 } }))
  kernel:add(Worker(2, 10, { turn = 0, letter = 0, handlers = { 3, 4 } }))
  for i = 1, 2 do
    kernel:add(Handler(2 + i, 10 + 10 * i, { works = Queue.new(), devices = Queue.new(), at = 0, worker = 2, driver = 4 + i }))
    kernel:add(Driver(4 + i, 40 + 10 * i, { output = {}, owner = 2 + i }))
    for _ = 1, 3 do
      kernel:send(2 + i, { kind = DEVICE })
      kernel:send(2, { kind = WORK, data = {} })
    end
  end
  kernel:run()
  return kernel
end

local kernel, again = simulate(42, 4000), simulate(42, 4000)
for _, task in ipairs(kernel.order) do
  print(string.format("%-8s id %d priority %2d steps %6d state %d queued %d",
    task.name, task.id, task.priority, task.steps, task.state, #task.inbox))
end
print("clock", kernel.clock, "switches", kernel.switches, "sent", kernel.sent, "held", kernel.held)
for id = 5, 6 do
  local text = table.concat(kernel.tasks[id].output)
  print("device " .. id, #text, text:sub(1, 48))
end
print(string.format("trace %08x, repeatable %s", kernel.trace, again.trace == kernel.trace and again.clock == kernel.clock))
print(string.format("other seed %08x", simulate(43, 1000).trace))
