-- lru.lua: a least-recently-used cache (doubly linked list plus hash).
--
-- The cache keeps its entries in a ring around a sentinel, supports weights,
-- expiry by a logical clock, an eviction callback and iteration from the most
-- to the least recent entry.  It is driven by a seeded trace, compared step by
-- step with a naive list, and then used to memoise some recursive functions.

local Cache = {}
Cache.__index = Cache

local function unlink(node)
  node.prev.next, node.next.prev = node.next, node.prev
end

local function link_after(node, place)
  node.prev, node.next = place, place.next
  place.next.prev, place.next = node, node
end

function Cache.new(capacity, options)
  options = options or {}
  local ring = {}
  ring.prev, ring.next = ring, ring
  return setmetatable({
    capacity = capacity, ring = ring, index = {}, used = 0, clock = 0,
    weigh = options.weigh or function() return 1 end,
    ttl = options.ttl or math.huge, on_evict = options.on_evict,
    hits = 0, misses = 0, evictions = 0,
  }, Cache)
end

function Cache:drop(node, reason)
  unlink(node)
  self.index[node.key] = nil
  self.used = self.used - node.weight
  if reason ~= "deleted" then self.evictions = self.evictions + 1 end
  if self.on_evict then self.on_evict(node.key, node.value, reason) end
end

function Cache:get(key)
  self.clock = self.clock + 1
  local node = self.index[key]
  if node and self.clock - node.born > self.ttl then
    self:drop(node, "expired")
    node = nil
  end
  if not node then
    self.misses = self.misses + 1
    return nil
  end
  self.hits = self.hits + 1
  unlink(node)
  link_after(node, self.ring)
  return node.value
end

function Cache:put(key, value)
  self.clock = self.clock + 1
  local weight = self.weigh(value)
  if weight > self.capacity then return false end
  local node = self.index[key]
  if node then
    self.used = self.used - node.weight
    unlink(node)
  else
    node = { key = key }
    self.index[key] = node
  end
  node.value, node.weight, node.born = value, weight, self.clock
  self.used = self.used + weight
  link_after(node, self.ring)
  while self.used > self.capacity do self:drop(self.ring.prev, "evicted") end
  return true
end

function Cache:delete(key)
  local node = self.index[key]
  if node then self:drop(node, "deleted") end
  return node ~= nil
end

-- Iterates from most to least recent; the entry visited may be deleted.
Cache.__call = function(self)
  local node = self.ring.next
  return function()
    local this = node
    if this == self.ring then return nil end
    node = this.next
    return this.key, this.value
  end
end

Cache.__len = function(self)
  local n = 0
  for _ in self() do n = n + 1 end
  return n
end

Cache.__tostring = function(self)
  local parts = {}
  for key, value in self() do parts[#parts + 1] = tostring(key) .. "=" .. tostring(value) end
  return "[" .. table.concat(parts, " ") .. "]"
end

---------------------------------------------------------------- a naive model

local function model(capacity)
  local list = {}
  local function find(key)
    for i, pair in ipairs(list) do
      if pair[1] == key then return i end
    end
  end
  return {
    get = function(key)
      local i = find(key)
      if not i then return nil end
      local pair = table.remove(list, i)
      table.insert(list, 1, pair)
      return pair[2]
    end,
    put = function(key, value)
      local i = find(key)
      if i then table.remove(list, i) end
      table.insert(list, 1, { key, value })
      list[capacity + 1] = nil
    end,
  }
end

local function generator(seed)
  return function(n)
    seed = (1664525 * seed + 1013904223) & 0xFFFFFFFF
    return (seed >> 16) % n
  end
end

---------------------------------------------------------------- exercise

local small = Cache.new(3)
for i, key in ipairs { "one", "two", "three" } do small:put(key, i) end
print(small, #small, small:get "one", small)
small:put("four", 4)
print(small, small:get "two", small:delete "three", small:delete "three", #small)

local random, cache, naive = generator(7), Cache.new(32), model(32)
local agree, sum = 0, 0
for step = 1, 6000 do
  -- Skewed keys: the minimum of two draws favours the low ones.
  local key = math.min(random(120), random(120))
  local want, got = naive.get(key), cache:get(key)
  if want == got then agree = agree + 1 end
  if got then
    sum = sum + got
  else
    local value = key * 1000 + step % 10
    cache:put(key, value)
    naive.put(key, value)
  end
end
print("agree", agree, "sum", sum)
print(string.format("hits %d misses %d evictions %d ratio %.4f", cache.hits, cache.misses, cache.evictions, cache.hits / (cache.hits + cache.misses)))

local log = {}
local texts = Cache.new(100, {
  weigh = function(s) return #s end,
  ttl = 12,
  on_evict = function(key, value, reason) log[#log + 1] = key .. ":" .. #value .. ":" .. reason end,
})
local fruits = { "apricot", "blackcurrant", "cherry", "damson plum", "elderberry", "fig" }
for round = 1, 3 do
  for i, fruit in ipairs(fruits) do
    texts:put(fruit, (fruit .. " "):rep(round + i % 3))
    if i == 4 then texts:get "apricot" end
  end
end
print("too heavy", texts:put("huge", ("x"):rep(101)), "used", texts.used, "entries", #texts)
print("gone", texts:get "damson plum", texts:get "fig" ~= nil)
for _ = 1, 13 do texts:get "nothing" end
print("expired", texts:get "fig")
print("log", #log, table.concat(log, " ", 1, 4), log[#log])

-- Memoisation of n-ary functions through a cache keyed by the joined arguments.
local function memoise(capacity, f)
  local store = Cache.new(capacity)
  return function(...)
    local key = table.concat({ ... }, ",")
    local value = store:get(key)
    if value == nil then
      value = f(...)
      store:put(key, value)
    end
    return value
  end, store
end

local fib, binomial, edit, fib_store, binomial_store, edit_store
fib, fib_store = memoise(8, function(n) return n < 2 and n or fib(n - 1) + fib(n - 2) end)
binomial, binomial_store = memoise(64, function(n, k)
  if k == 0 or k == n then return 1 end
  return binomial(n - 1, k - 1) + binomial(n - 1, k)
end)
edit, edit_store = memoise(500, function(a, b)
  if a == "" or b == "" then return #a + #b end
  local x, y = a:sub(2), b:sub(2)
  local cost = a:byte() == b:byte() and 0 or 1
  return math.min(edit(x, b) + 1, edit(a, y) + 1, edit(x, y) + cost)
end)
print("fib(80)", fib(80), fib_store.misses, fib_store.evictions)
print("binomial(30, 12)", binomial(30, 12), binomial_store.used)
print("edit distance", edit("intention", "execution"), edit("kitten", "sitting"), edit_store.hits)
