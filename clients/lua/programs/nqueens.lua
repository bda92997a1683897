-- nqueens.lua: the n-queens problem, solved in five different ways.
--
-- 1. backtracking over columns and diagonals kept in arrays;
-- 2. three bit masks and shifts; 3. a coroutine that yields every board;
-- 4. Knuth's algorithm X on an exact-cover matrix; 5. min-conflicts repair
-- from a seeded generator for a larger board.  The counts are the known ones
-- (n = 8: 92 solutions, 12 of them different up to symmetry).

local KNOWN <const> = "1 0 0 2 10 4 40 92"

-- 1. Arrays of occupied columns and diagonals.
local function count_arrays(n)
  local columns, rising, falling = {}, {}, {}
  local count, nodes = 0, 0
  local function place(row)
    if row > n then count = count + 1; return end
    for col = 1, n do
      local up, down = row + col, row - col
      if not (columns[col] or rising[up] or falling[down]) then
        nodes = nodes + 1
        columns[col], rising[up], falling[down] = true, true, true
        place(row + 1)
        columns[col], rising[up], falling[down] = false, false, false
      end
    end
  end
  place(1)
  return count, nodes
end

-- 2. Bit masks: the lowest set bit of `free` is the next square to try.
local function count_bits(n)
  local all = (1 << n) - 1
  local function place(columns, left, right)
    if columns == all then return 1 end
    local count, free = 0, all & ~(columns | left | right)
    while free ~= 0 do
      local bit = free & -free
      free = free ~ bit
      count = count + place(columns | bit, (left | bit) << 1, (right | bit) >> 1)
    end
    return count
  end
  return place(0, 0, 0)
end

-- 3. A generator of complete boards, each as a list of columns.
local function boards(n)
  local board = {}
  local function safe(row, col)
    for r = 1, row - 1 do
      local c = board[r]
      if c == col or c - col == row - r or col - c == row - r then return false end
    end
    return true
  end
  local function place(row)
    if row > n then
      coroutine.yield(table.move(board, 1, n, 1, {}))
      return
    end
    for col = 1, n do
      if safe(row, col) then
        board[row] = col
        place(row + 1)
      end
    end
  end
  return coroutine.wrap(function() place(1) end)
end

-- The smallest of the eight rotations and reflections of a board, as text.
local function canonical(board)
  local n, best = #board, nil
  local function rotate(b)
    local r = {}
    for row, col in ipairs(b) do r[col] = n + 1 - row end
    return r
  end
  local function mirror(b)
    local r = {}
    for row, col in ipairs(b) do r[row] = n + 1 - col end
    return r
  end
  for _ = 1, 4 do
    for _, b in ipairs { board, mirror(board) } do
      local text = table.concat(b, ",")
      if not best or text < best then best = text end
    end
    board = rotate(board)
  end
  return best
end

-- 4. Exact cover with dictionaries of sets; diagonals are optional columns.
local function count_cover(n)
  local options, columns = {}, {}
  local function names(row, col)
    return { "r" .. row, "c" .. col, "u" .. row + col, "d" .. row - col }
  end
  for row = 1, n do
    for col = 1, n do
      local id = row * 100 + col
      options[id] = names(row, col)
      for _, name in ipairs(options[id]) do
        columns[name] = columns[name] or {}
        columns[name][id] = true
      end
    end
  end
  local covered, count = {}, 0
  local function blocked(id)
    for _, name in ipairs(options[id]) do
      if covered[name] then return true end
    end
    return false
  end
  local function search(row)
    if row > n then count = count + 1; return end
    for col = 1, n do
      local id = row * 100 + col
      if columns["r" .. row][id] and not blocked(id) then
        for _, name in ipairs(options[id]) do covered[name] = id end
        search(row + 1)
        for _, name in ipairs(options[id]) do covered[name] = nil end
      end
    end
  end
  search(1)
  return count
end

-- 5. Min-conflicts: move a queen under attack to its least attacked square.
local function repair(n, seed)
  local function random(m)
    seed = seed * 6364136223846793005 + 1442695040888963407
    return (seed >> 33) % m + 1
  end
  local board, columns, up, down = {}, {}, {}, {}
  local function add(row, col, by)
    columns[col] = (columns[col] or 0) + by
    up[row + col] = (up[row + col] or 0) + by
    down[row - col] = (down[row - col] or 0) + by
  end
  local function attacks(row, col)
    return (columns[col] or 0) + (up[row + col] or 0) + (down[row - col] or 0)
  end
  for row = 1, n do
    board[row] = random(n)
    add(row, board[row], 1)
  end
  for step = 1, 4000 do
    local hot = {}
    for row = 1, n do
      if attacks(row, board[row]) > 3 then hot[#hot + 1] = row end
    end
    if #hot == 0 then return board, step end
    local row = hot[random(#hot)]
    add(row, board[row], -1)
    local best, ties = math.maxinteger, {}
    for col = 1, n do
      local a = attacks(row, col)
      if a < best then best, ties = a, {} end
      if a == best then ties[#ties + 1] = col end
    end
    board[row] = ties[random(#ties)]
    add(row, board[row], 1)
  end
  return nil
end

local arrays, bits = {}, {}
for n = 1, 8 do arrays[n], bits[n] = count_arrays(n), count_bits(n) end
print("arrays", table.concat(arrays, " "), table.concat(arrays, " ") == KNOWN)
print("bits", table.concat(bits, " "), table.concat(bits, " ") == KNOWN)
print("bits for 9 and 10", count_bits(9), count_bits(10))
print("nodes for 8", select(2, count_arrays(8)))
print("cover for 6 and 7", count_cover(6), count_cover(7))

local total, shapes, distinct, first = 0, {}, 0, nil
for board in boards(8) do
  total = total + 1
  first = first or board
  local key = canonical(board)
  if not shapes[key] then
    shapes[key] = true
    distinct = distinct + 1
  end
end
print("generator", total, "distinct", distinct, "first", table.concat(first, " "))
for row = 1, 8 do
  local line = ("."):rep(first[row] - 1) .. "Q" .. ("."):rep(8 - first[row])
  print((line:gsub(".", "%0 ")))
end

local board, steps = repair(40, 2024)
print("repair of 40", board and steps, board and table.concat(board, " "))
