-- classes.lua: a class library with multiple inheritance, an event emitter
-- and the rest of the metamethods.
--
-- Method resolution uses the C3 linearisation; properties go through __index
-- and __newindex functions; `__close` guards scopes; `__call` makes instances;
-- comparison, arithmetic, bitwise and concatenation metamethods are all hit.
-- Every global name used is declared, as Lua 5.5 allows.

global<const> setmetatable, getmetatable, rawget, rawset, rawequal, rawlen
global<const> print, error, pcall, ipairs, pairs, select, tostring, type, next
global<const> table, string, math, assert

local function merge(lists)
  local result = {}
  while true do
    local busy, candidate = false, nil
    for _, list in ipairs(lists) do
      local head = list[1]
      if head then
        busy = true
        for _, other in ipairs(lists) do
          for i = 2, #other do
            if other[i] == head then goto rejected end
          end
        end
        candidate = head
        break
      end
      ::rejected::
    end
    if not busy then return result end
    if not candidate then error("no consistent order of bases", 0) end
    result[#result + 1] = candidate
    for _, list in ipairs(lists) do
      if list[1] == candidate then table.remove(list, 1) end
    end
  end
end

local class_mt = {}
class_mt.__call = function(class, ...)
  local object = setmetatable({}, class.meta)
  local init = class.init
  if init then init(object, ...) end
  return object
end
class_mt.__index = function(class, key)
  for i = 2, #class.order do
    local value = rawget(class.order[i], key)
    if value ~= nil then return value end
  end
end
class_mt.__tostring = function(class) return "class " .. class.name end
class_mt.__lt = function(a, b)              -- a proper subclass is "less"
  for i = 2, #a.order do
    if a.order[i] == b then return true end
  end
  return false
end
class_mt.__le = function(a, b) return rawequal(a, b) or a < b end

local inherited <const> = { "__tostring", "__add", "__concat", "__len", "__eq", "__lt", "__le", "__call", "__unm", "__close",
  "__idiv", "__mod", "__band", "__bor", "__bxor", "__shl", "__shr", "__bnot", "__pairs" }

-- class("Name", base...) { members } -- `get_x` and `set_x` define properties.
local function class(name, ...bases)
  return function(members)
    local self = members
    self.name = name
    local lists = {}
    for i = 1, bases.n do lists[i] = table.move(bases[i].order, 1, #bases[i].order, 1, {}) end
    lists[#lists + 1] = table.move(bases, 1, bases.n, 1, {})
    self.order = merge(lists)
    table.insert(self.order, 1, self)
    setmetatable(self, class_mt)
    local meta = {
      class = self,
      __index = function(object, key)
        local getter = type(key) == "string" and self["get_" .. key]
        if getter then return getter(object) end
        return self[key]
      end,
      __newindex = function(object, key, value)
        local setter = type(key) == "string" and self["set_" .. key]
        if setter then setter(object, value) else rawset(object, key, value) end
      end,
    }
    for _, event in ipairs(inherited) do meta[event] = self[event] end
    self.meta = meta
    return self
  end
end

local function is_a(object, wanted) return getmetatable(object).class <= wanted end

-- The next method after `class` in the object's own order.
local function super(current, object, method)
  local order, found = getmetatable(object).class.order, false
  for _, c in ipairs(order) do
    local f = found and rawget(c, method)
    if f then return f end
    found = found or c == current
  end
  return function() end
end

local Emitter
Emitter = class "Emitter" {
  init = function(self) rawset(self, "handlers", {}) end,
  on = function(self, event, handler, once)
    local list = self.handlers[event] or {}
    self.handlers[event] = list
    local entry = { handler = handler, once = once }
    list[#list + 1] = entry
    -- The subscription ends by a call, or when a scope closes it.
    local function stop()
      for i, e in ipairs(list) do
        if e == entry then table.remove(list, i) return true end
      end
      return false
    end
    return setmetatable({}, { __call = stop, __close = stop })
  end,
  emit = function(self, event, ...args)
    local called = 0
    for _, e in ipairs { table.unpack(self.handlers[event] or {}) } do
      e.handler(self, table.unpack(args, 1, args.n))
      called = called + 1
      if e.once then
        for i, other in ipairs(self.handlers[event]) do
          if other == e then table.remove(self.handlers[event], i) break end
        end
      end
    end
    return called
  end,
}

local Named = class "Named" {
  init = function(self, name) self.title = name end,
  get_shout = function(self) return self.title:upper() .. "!" end,
  describe = function(self) return "named " .. self.title end,
}

local Account
Account = class("Account", Named, Emitter) {
  init = function(self, name, cents)
    Named.init(self, name)
    Emitter.init(self)
    rawset(self, "cents", cents or 0)
  end,
  get_balance = function(self) return string.format("%d.%02d", self.cents // 100, self.cents % 100) end,
  set_balance = function(self, cents)
    if cents < 0 then error("overdrawn: " .. self.title, 0) end
    local old = self.cents
    self.cents = cents
    self:emit("change", old, cents)
  end,
  describe = function(self) return "account of " .. super(Account, self, "describe")(self) end,
  __tostring = function(self) return self.title .. ":" .. self.cents end,
  __add = function(a, b) return Account(a.title .. "+" .. b.title, a.cents + b.cents) end,
  __lt = function(a, b) return a.cents < b.cents end,
  __le = function(a, b) return a.cents <= b.cents end,
  __eq = function(a, b) return a.cents == b.cents end,
  __concat = function(a, b) return tostring(a) .. tostring(b) end,
  __len = function(self) return #self.title end,
}

local Saving
Saving = class("Saving", Account) {
  describe = function(self) return "saving " .. super(Saving, self, "describe")(self) end,
  __unm = function(self) return -self.cents end,
}

local ada, bob = Account("ada", 1250), Saving("bob", 300)
print(ada.balance, bob.balance, ada.shout, bob:describe(), ada:describe())
print(tostring(Saving), Saving < Named, Account <= Account, Emitter < Named, is_a(bob, Emitter), is_a(ada, Saving))
local names = {}
for i, c in ipairs(Saving.order) do names[i] = c.name end
print("order", table.concat(names, " "))
print(ada .. " and " .. bob, ada > bob, ada <= bob, ada == Account("x", 1250), #bob, -bob, tostring(ada + bob))

local log = {}
do
  local watch <close> = bob:on("change", function(_, old, new) log[#log + 1] = old .. ">" .. new end)
  bob:on("change", function(self, ...) log[#log + 1] = "once" .. select("#", ...) .. self.title end, true)
  bob.balance = 450
  bob.balance = bob.cents * 2 + 25
  print("failure", pcall(function() bob.balance = -1 end))
end
bob.balance = 5
print("log", table.concat(log, " "), bob:emit("change", 1, 2), bob.balance)

local A, B = class "A" {}, class "B" {}
local X, Y = class("X", A, B) {}, class("Y", B, A) {}
print(pcall(function() return class("Z", X, Y) {} end))

local Set
Set = class "Set" {
  init = function(self, ...items)
    rawset(self, "bits", 0)
    for i = 1, items.n do self.bits = self.bits | 1 << items[i] end
  end,
  of = function(bits)
    local s = Set()
    s.bits = bits
    return s
  end,
  __band = function(a, b) return Set.of(a.bits & b.bits) end,
  __bor = function(a, b) return Set.of(a.bits | b.bits) end,
  __bxor = function(a, b) return Set.of(a.bits ~ b.bits) end,
  __bnot = function(a) return Set.of(~a.bits & 0xFFFF) end,
  __shl = function(a, n) return Set.of(a.bits << n & 0xFFFF) end,
  __shr = function(a, n) return Set.of(a.bits >> n) end,
  __mod = function(a, n) return Set.of(a.bits % n) end,
  __idiv = function(a, n) return Set.of(a.bits // n) end,
  __le = function(a, b) return a.bits & ~b.bits == 0 end,
  __call = function(self, n) return self.bits >> n & 1 == 1 end,
  __len = function(self)
    local n, bits = 0, self.bits
    while bits ~= 0 do bits, n = bits & bits - 1, n + 1 end
    return n
  end,
  __pairs = function(self)
    return function(bits, at)
      for i = at + 1, 63 do
        if bits >> i & 1 == 1 then return i, 1 << i end
      end
    end, self.bits, -1
  end,
  __tostring = function(self)
    local parts = {}
    for i in pairs(self) do parts[#parts + 1] = tostring(i) end
    return "{" .. table.concat(parts, ",") .. "}"
  end,
}
local p, q = Set(1, 3, 5, 7), Set(3, 4, 5)
print(tostring(p & q), tostring(p | q), tostring(p ~ q), tostring(~p), #~q, (p & q) <= p, p <= q)
print(tostring(q << 2), tostring(q >> 3), tostring(p % 16), tostring(p // 8), p(3), p(4))

local order = {}
local function guard(name)
  return setmetatable({}, { __close = function(_, e) order[#order + 1] = name .. (e and "=" .. e or "") end })
end
local function nested(n)
  local outer <close> = guard("outer" .. n)
  for i = 1, n do
    local inner <close> = guard("inner" .. i)
    if i == 3 then error("stop", 0) end
    if i == 2 and n == 2 then return "early" end
  end
  return "full"
end
print(nested(1), nested(2), pcall(nested, 4))
print(table.concat(order, " "))

do
  -- `global` with a value raises an error when the name is already defined.
  global counter = 40
  global function bump(by) counter = counter + (by or 1) end
  bump()
  bump(1)
  print("global counter", counter)
  counter, bump = nil, nil
end

local pool, hits = Emitter(), 0
for i = 1, 20 do pool:on("tick", function(_, n, ...) hits = hits + n // i + select("#", ...) end) end
for n = 1, 600 do pool:emit("tick", n, nil, nil) end
print("ticks", hits, next(pool.handlers), rawlen(pool.handlers.tick))
