-- graphs.lua: classical graph algorithms.
--
-- Dijkstra with a binary heap, Floyd-Warshall, topological order, Tarjan's
-- strongly connected components, and breadth-first search in a maze held as a long string.

local Heap = {}
Heap.__index = Heap

function Heap.new() return setmetatable({ size = 0, keys = {}, items = {} }, Heap) end

function Heap:push(key, item)
  local keys, items = self.keys, self.items
  local at = self.size + 1
  self.size = at
  while at > 1 and keys[at // 2] > key do
    keys[at], items[at] = keys[at // 2], items[at // 2]
    at = at // 2
  end
  keys[at], items[at] = key, item
end

function Heap:pop()
  local keys, items, size = self.keys, self.items, self.size
  local key, item = keys[1], items[1]
  local last_key, last_item, at = keys[size], items[size], 1
  size = size - 1
  while 2 * at <= size do
    local child = 2 * at
    if child < size and keys[child + 1] < keys[child] then child = child + 1 end
    if keys[child] >= last_key then break end
    keys[at], items[at] = keys[child], items[child]
    at = child
  end
  keys[at], items[at], self.size = last_key, last_item, size
  return key, item
end

local INF <const> = math.maxinteger // 2

local function dijkstra(graph, source)
  local distance, previous, heap = {}, {}, Heap.new()
  for v = 1, #graph do distance[v] = INF end
  distance[source] = 0
  heap:push(0, source)
  while heap.size > 0 do
    local d, v = heap:pop()
    if d == distance[v] then
      for _, edge in ipairs(graph[v]) do
        local to, through = edge[1], d + edge[2]
        if through < distance[to] then
          distance[to], previous[to] = through, v
          heap:push(through, to)
        end
      end
    end
  end
  return distance, previous
end

local function floyd_warshall(graph)
  local n, d = #graph, {}
  for i = 1, n do
    d[i] = {}
    for j = 1, n do d[i][j] = i == j and 0 or INF end
    for _, edge in ipairs(graph[i]) do d[i][edge[1]] = math.min(d[i][edge[1]], edge[2]) end
  end
  for k = 1, n do
    for i = 1, n do
      local through = d[i][k]
      if through < INF then
        for j = 1, n do
          if through + d[k][j] < d[i][j] then d[i][j] = through + d[k][j] end
        end
      end
    end
  end
  return d
end

-- Depth-first; returns the names in dependency order, or nil and a cycle.
local function topological(depends, names)
  local state, order, path = {}, {}, {}
  local function visit(name)
    if state[name] == "done" then return true end
    path[#path + 1] = name
    if state[name] == "active" then return false end
    state[name] = "active"
    for _, other in ipairs(depends[name] or {}) do
      if not visit(other) then return false end
    end
    path[#path] = nil
    state[name] = "done"
    order[#order + 1] = name
    return true
  end
  for _, name in ipairs(names) do
    if not visit(name) then return nil, table.concat(path, ">") end
  end
  return order
end

local function components(graph)
  local index, low, on_stack, stack, found, counter = {}, {}, {}, {}, {}, 0
  local function connect(v)
    counter = counter + 1
    index[v], low[v] = counter, counter
    stack[#stack + 1] = v
    on_stack[v] = true
    for _, edge in ipairs(graph[v]) do
      local w = edge[1]
      if not index[w] then
        connect(w)
        low[v] = math.min(low[v], low[w])
      elseif on_stack[w] then
        low[v] = math.min(low[v], index[w])
      end
    end
    if low[v] == index[v] then
      local component, w = {}, nil
      repeat
        w = table.remove(stack)
        on_stack[w] = nil
        component[#component + 1] = w
      until w == v
      table.sort(component)
      found[#found + 1] = component
    end
  end
  for v = 1, #graph do
    if not index[v] then connect(v) end
  end
  return found
end

local maze = [[
#########################################
#S  #   #                     #         #
### # # ######### ##### ##### # ####### #
# #   #         #       #   #       # # #
# ############# ### # ### # ####### # # #
#             # #     #   # #     #   # #
# # ##### ##### # ### # ### # ### ##### #
#       #         #     #     #        E#
#########################################
]]

local function solve(text)
  local width = text:find "\n"
  local start, goal = text:find "S", text:find "E"
  local from, queue, head = { [start] = start }, { start }, 1
  while head <= #queue do
    local at = queue[head]
    head = head + 1
    if at == goal then
      local steps, cells = 0, { text:byte(1, -1) }
      while at ~= start do
        at, steps = from[at], steps + 1
        cells[at] = ("*"):byte()
      end
      return steps, #queue, string.char(table.unpack(cells))
    end
    for _, move in ipairs { 1, -1, width, -width } do
      local to = at + move
      if not from[to] and text:sub(to, to) ~= "#" then
        from[to] = at
        queue[#queue + 1] = to
      end
    end
  end
end

local seed = 31337
local function random(n)
  seed = (seed * 1103515245 + 12345) & 0x7FFFFFFF
  return (seed >> 9) % n + 1
end
local graph = {}
local n <const> = 110
for v = 1, n do graph[v] = {} end
for _ = 1, 260 do
  local a, b, w = random(n), random(n), random(100)
  graph[a][#graph[a] + 1] = { b, w }
end

local distance, previous = dijkstra(graph, 1)
local path, at, far = {}, 1, 0
for v = 1, n do
  if distance[v] < INF and distance[v] > far then at, far = v, distance[v] end
end
while at do
  table.insert(path, 1, at)
  at = previous[at]
end
print("farthest from 1", far, table.concat(path, ">"))
local all, agree, reachable, sum = floyd_warshall(graph), 0, 0, 0
for v = 1, n do
  if all[1][v] == distance[v] then agree = agree + 1 end
  for w = 1, n do
    if all[v][w] < INF then reachable, sum = reachable + 1, sum + all[v][w] end
  end
end
print("agree", agree, "reachable pairs", reachable, "sum", sum)

local sizes = {}
for i, component in ipairs(components(graph)) do sizes[i] = #component end
table.sort(sizes, function(a, b) return a > b end)
print("components", #sizes, "largest", sizes[1], sizes[2])
local small = { { { 2, 1 } }, { { 3, 1 } }, { { 1, 1 }, { 4, 1 } }, { { 5, 1 } }, { { 4, 1 }, { 6, 1 } }, {} }
for _, component in ipairs(components(small)) do io.write("{", table.concat(component, ","), "} ") end
print()

local depends = { cake = { "batter", "oven" }, batter = { "eggs", "flour", "bowl" }, oven = { "matches" }, eggs = { "bowl" } }
print("order", table.concat(topological(depends, { "cake", "flour", "tea" }), " "))
depends.matches = { "cake" }
print("order", topological(depends, { "cake" }))

local steps, visited, drawn = solve(maze)
print("maze", steps, visited)
for line in drawn:gmatch "[^\n]+" do print(line) end
