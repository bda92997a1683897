-- matrix.lua: dense matrices over integers, floats and a finite field.
--
-- One class with overloaded operators; multiplication, powers by repeated
-- squaring, LU decomposition with partial pivoting, determinants, inverses and
-- linear systems.  Integer determinants use Bareiss elimination, which is
-- exact; the same problems are then solved modulo a prime.

local Matrix = {}
Matrix.__index = Matrix

local function new(rows, cols, fill)
  local m = setmetatable({ rows = rows, cols = cols }, Matrix)
  for i = 1, rows do
    local row = {}
    for j = 1, cols do row[j] = fill(i, j) end
    m[i] = row
  end
  return m
end

local function from(rows)
  return new(#rows, #rows[1], function(i, j) return rows[i][j] end)
end

local function identity(n)
  return new(n, n, function(i, j) return i == j and 1 or 0 end)
end

Matrix.__add = function(a, b) return new(a.rows, a.cols, function(i, j) return a[i][j] + b[i][j] end) end
Matrix.__sub = function(a, b) return new(a.rows, a.cols, function(i, j) return a[i][j] - b[i][j] end) end
Matrix.__unm = function(a) return new(a.rows, a.cols, function(i, j) return -a[i][j] end) end

Matrix.__mul = function(a, b)
  if math.type(a) then a, b = b, a end
  if math.type(b) then return new(a.rows, a.cols, function(i, j) return a[i][j] * b end) end
  if a.cols ~= b.rows then error(string.format("cannot multiply %dx%d by %dx%d", a.rows, a.cols, b.rows, b.cols), 0) end
  return new(a.rows, b.cols, function(i, j)
    local sum, row = 0, a[i]
    for k = 1, a.cols do sum = sum + row[k] * b[k][j] end
    return sum
  end)
end

Matrix.__mod = function(a, p) return new(a.rows, a.cols, function(i, j) return a[i][j] % p end) end

Matrix.__pow = function(a, n)
  local result = identity(a.rows)
  while n > 0 do
    if n & 1 == 1 then result = result * a end
    a, n = a * a, n >> 1
  end
  return result
end

Matrix.__eq = function(a, b)
  if a.rows ~= b.rows or a.cols ~= b.cols then return false end
  for i = 1, a.rows do
    for j = 1, a.cols do
      if a[i][j] ~= b[i][j] then return false end
    end
  end
  return true
end

Matrix.__tostring = function(a)
  local lines = {}
  for i = 1, a.rows do
    local cells = {}
    for j, x in ipairs(a[i]) do
      cells[j] = math.type(x) == "float" and string.format("%.4f", x) or tostring(x)
    end
    lines[i] = table.concat(cells, " ")
  end
  return "[" .. table.concat(lines, "; ") .. "]"
end

function Matrix:transpose() return new(self.cols, self.rows, function(i, j) return self[j][i] end) end

-- LU decomposition in place of a float copy; returns it, the row permutation
-- and the sign of that permutation, or nil when the matrix is singular.
function Matrix:lu()
  local n = self.rows
  local m, order, sign = new(n, n, function(i, j) return self[i][j] + 0.0 end), {}, 1
  for i = 1, n do order[i] = i end
  for k = 1, n do
    local pivot = k
    for i = k + 1, n do
      if math.abs(m[i][k]) > math.abs(m[pivot][k]) then pivot = i end
    end
    if math.abs(m[pivot][k]) < 1e-12 then return nil end
    if pivot ~= k then
      m[k], m[pivot] = m[pivot], m[k]
      order[k], order[pivot] = order[pivot], order[k]
      sign = -sign
    end
    for i = k + 1, n do
      local factor = m[i][k] / m[k][k]
      m[i][k] = factor
      for j = k + 1, n do m[i][j] = m[i][j] - factor * m[k][j] end
    end
  end
  return m, order, sign
end

function Matrix:solve(b)
  local lu, order = self:lu()
  if not lu then return nil end
  local n, x = self.rows, {}
  for i = 1, n do
    local sum = b[order[i]]
    for j = 1, i - 1 do sum = sum - lu[i][j] * x[j] end
    x[i] = sum
  end
  for i = n, 1, -1 do
    local sum = x[i]
    for j = i + 1, n do sum = sum - lu[i][j] * x[j] end
    x[i] = sum / lu[i][i]
  end
  return x
end

function Matrix:determinant()
  local lu, _, sign = self:lu()
  if not lu then return 0.0 end
  local product = sign + 0.0
  for i = 1, self.rows do product = product * lu[i][i] end
  return product
end

-- Bareiss: every division is exact, so integers stay integers.
function Matrix:integer_determinant()
  local n = self.rows
  local m, sign, previous = new(n, n, function(i, j) return self[i][j] end), 1, 1
  for k = 1, n - 1 do
    local pivot = k
    while pivot <= n and m[pivot][k] == 0 do pivot = pivot + 1 end
    if pivot > n then return 0 end
    if pivot ~= k then m[k], m[pivot], sign = m[pivot], m[k], -sign end
    for i = k + 1, n do
      for j = k + 1, n do
        m[i][j] = (m[i][j] * m[k][k] - m[i][k] * m[k][j]) // previous
      end
    end
    previous = m[k][k]
  end
  return sign * m[n][n]
end

-- The inverse modulo a prime, by Gauss-Jordan on [A | I].
function Matrix:inverse_mod(p)
  local n = self.rows
  local m = new(n, 2 * n, function(i, j) return j <= n and self[i][j] % p or j - n == i and 1 or 0 end)
  local function power(base, e)
    local result = 1
    while e > 0 do
      if e & 1 == 1 then result = result * base % p end
      base, e = base * base % p, e >> 1
    end
    return result
  end
  for k = 1, n do
    local pivot = k
    while pivot <= n and m[pivot][k] == 0 do pivot = pivot + 1 end
    if pivot > n then return nil end
    m[k], m[pivot] = m[pivot], m[k]
    local inverse = power(m[k][k], p - 2)
    for j = 1, 2 * n do m[k][j] = m[k][j] * inverse % p end
    for i = 1, n do
      local factor = m[i][k]
      if i ~= k and factor ~= 0 then
        for j = 1, 2 * n do m[i][j] = (m[i][j] - factor * m[k][j]) % p end
      end
    end
  end
  return new(n, n, function(i, j) return m[i][n + j] end)
end

local a, b = from { { 1, 2 }, { 3, 4 } }, from { { 0, 1 }, { -1, 5 } }
print(a + b, a - b, a * b, -a, 3 * a, a:transpose(), a == a * identity(2), a == b)
print("fibonacci", from { { 1, 1 }, { 1, 0 } } ^ 90)
print("mismatch", (select(2, pcall(function() return a * from { { 1, 2, 3 } } end))))

local system = from { { 2, 1, -1 }, { -3, -1, 2 }, { -2, 1, 2 } }
local x = system:solve { 8, -11, -3 }
print(string.format("solution %.6f %.6f %.6f det %.6f", x[1], x[2], x[3], system:determinant()))
print("singular", from({ { 1, 2 }, { 2, 4 } }):solve { 1, 2 }, from({ { 1, 2 }, { 2, 4 } }):integer_determinant())

local seed = 12345
local function random(n)
  seed = (seed * 1103515245 + 12345) & 0x7FFFFFFF
  return (seed >> 12) % n
end
for _, n in ipairs { 4, 6, 8 } do
  local m = new(n, n, function() return random(19) - 9 end)
  local exact, float = m:integer_determinant(), m:determinant()
  print("det", n, exact, string.format("%.3f", float), math.abs(exact - float) < 1e-3)
end

local n = 36
local big = new(n, n, function(i, j) return i == j and n or random(10) / 8 end)
local want, rhs, worst = {}, {}, 0.0
for i = 1, n do want[i] = i % 7 - 3 end
for i = 1, n do
  rhs[i] = 0
  for j = 1, n do rhs[i] = rhs[i] + big[i][j] * want[j] end
end
for i, value in ipairs(big:solve(rhs)) do worst = math.max(worst, math.abs(value - want[i])) end
print("residual small", worst < 1e-9, "product corner", (big * big)[1][n] == (big:transpose() * big:transpose())[n][1])

local p <const> = 1000003
local m = new(16, 16, function() return random(p) end)
local inverse = m:inverse_mod(p)
print("inverse mod p", m * inverse % p == identity(16), inverse[1][1], inverse[16][16])
