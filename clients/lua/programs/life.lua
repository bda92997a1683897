-- life.lua: Conway's Game of Life, on three kinds of boards.
--
-- A torus kept in nested tables, a torus whose rows are 64-bit integers
-- (neighbours are counted for all cells of a row at once with half adders),
-- and an unbounded plane kept as a sparse set.  All read the usual `.O` text
-- patterns, and the boards must agree generation by generation.

local patterns = {
  glider = [[
.O.
..O
OOO]],
  r_pentomino = [[
.OO
OO.
.O.]],
  pulsar = [[
..OOO...OOO..
.............
O....O.O....O
O....O.O....O
O....O.O....O
..OOO...OOO..
.............
..OOO...OOO..
O....O.O....O
O....O.O....O
O....O.O....O
.............
..OOO...OOO..]],
  gosper_gun = [[
........................O...........
......................O.O...........
............OO......OO............OO
...........O...O....OO............OO
OO........O.....O...OO..............
OO........O...O.OO....O.O...........
..........O.....O.......O...........
...........O...O....................
............OO......................]],
}

-- Calls visit(x, y) for every live cell of a pattern.
local function each(pattern, visit)
  local y = 0
  for line in pattern:gmatch "[^\n]+" do
    for x in line:gmatch "()O" do visit(x - 1, y) end
    y = y + 1
  end
end

---------------------------------------------------------------- nested tables

local function table_board(width, height, pattern, dx, dy)
  local cells, other = {}, {}
  for y = 0, height - 1 do
    cells[y], other[y] = {}, {}
    for x = 0, width - 1 do cells[y][x] = 0 end
  end
  each(pattern, function(x, y) cells[y + dy][x + dx] = 1 end)
  local board = {}
  function board.step()
    for y = 0, height - 1 do
      local up, row, down = cells[(y - 1) % height], cells[y], cells[(y + 1) % height]
      local out = other[y]
      for x = 0, width - 1 do
        local l, r = (x - 1) % width, (x + 1) % width
        local n = up[l] + up[x] + up[r] + row[l] + row[r] + down[l] + down[x] + down[r]
        out[x] = (n == 3 or n == 2 and row[x] == 1) and 1 or 0
      end
    end
    cells, other = other, cells
  end
  function board.alive(x, y) return cells[y][x] == 1 end
  return board
end

---------------------------------------------------------------- bit rows

-- Width is 64: each row is one integer, rotated to wrap around.
local function bit_board(height, pattern, dx, dy)
  local rows = {}
  for y = 0, height - 1 do rows[y] = 0 end
  each(pattern, function(x, y) rows[y + dy] = rows[y + dy] | 1 << (x + dx) end)
  local function half(a, b) return a ~ b, a & b end
  local function full(a, b, c)
    local s, carry = half(a, b)
    local t, carry2 = half(s, c)
    return t, carry | carry2
  end
  local board = {}
  function board.step()
    local low, high = {}, {}
    for y = 0, height - 1 do
      local row = rows[y]
      local left, right = row << 1 | row >> 63, row >> 1 | row << 63
      low[y], high[y] = full(left, row, right)     -- a two-bit sum per column
    end
    local out = {}
    for y = 0, height - 1 do
      local up, down = (y - 1) % height, (y + 1) % height
      -- Total of nine cells = ones + 2 * (four bits of weight two).
      local ones, carry = full(low[up], low[y], low[down])
      local a, b = full(high[up], high[y], high[down])
      local twos, c = half(a, carry)
      local fours = b ~ c
      local eights = b & c
      local three = ones & twos & ~fours & ~eights
      local four = ~ones & ~twos & fours & ~eights
      out[y] = three | four & rows[y]
    end
    rows = out
  end
  function board.alive(x, y) return rows[y] >> x & 1 == 1 end
  function board.population()
    local count = 0
    for y = 0, height - 1 do
      local row = rows[y]
      while row ~= 0 do
        row = row & row - 1
        count = count + 1
      end
    end
    return count
  end
  return board
end

---------------------------------------------------------------- sparse plane

local function plane(pattern)
  local cells, count = {}, 0
  local SPAN <const>, HALF <const> = 1 << 20, 1 << 19
  each(pattern, function(x, y)
    cells[(y + HALF) * SPAN + x + HALF] = true
    count = count + 1
  end)
  local board = {}
  function board.step()
    local near, out = {}, {}
    for cell in pairs(cells) do
      for dy = -SPAN, SPAN, SPAN do
        for dx = -1, 1 do
          local other = cell + dy + dx
          near[other] = (near[other] or 0) + 1
        end
      end
    end
    count = 0
    for cell, n in pairs(near) do
      if n == 3 or n == 4 and cells[cell] then out[cell], count = true, count + 1 end
    end
    cells = out
  end
  function board.population() return count end
  function board.box()
    local x1, y1, x2, y2 = math.maxinteger, math.maxinteger, math.mininteger, math.mininteger
    for cell in pairs(cells) do
      local x, y = cell % SPAN - HALF, cell // SPAN - HALF
      x1, y1, x2, y2 = math.min(x1, x), math.min(y1, y), math.max(x2, x), math.max(y2, y)
    end
    return x1, y1, x2, y2
  end
  return board
end

---------------------------------------------------------------- exercise

local function draw(board, x1, y1, x2, y2)
  for y = y1, y2 do
    local line = {}
    for x = x1, x2 do line[#line + 1] = board.alive(x, y) and "O" or "." end
    print(table.concat(line))
  end
end

local height <const> = 24
local a = table_board(64, height, patterns.gosper_gun, 4, 4)
local b = bit_board(height, patterns.gosper_gun, 4, 4)
local agree = 0
for _ = 1, 40 do
  a.step()
  b.step()
  local same = true
  for y = 0, height - 1 do
    for x = 0, 63 do
      if a.alive(x, y) ~= b.alive(x, y) then same = false end
    end
  end
  if same then agree = agree + 1 end
end
print("gun: generations that agree", agree, "population", b.population())
draw(b, 2, 3, 45, 20)

local pulsar, counts = bit_board(20, patterns.pulsar, 3, 3), {}
for i = 1, 6 do
  pulsar.step()
  counts[i] = pulsar.population()
end
print("pulsar", table.concat(counts, " "))

local glider = plane(patterns.glider)
for _ = 1, 100 do glider.step() end
print("glider after 100", glider.population(), glider.box())

local r, history = plane(patterns.r_pentomino), {}
for generation = 1, 120 do
  r.step()
  if generation % 20 == 0 then history[#history + 1] = generation .. ":" .. r.population() end
end
print("r-pentomino", table.concat(history, " "), r.box())
