-- mandelbrot.lua: fractals drawn as text, with three kinds of arithmetic.
--
-- The Mandelbrot set in floats, in 64-bit fixed point and with a class of
-- complex numbers (metamethods, and a polynomial iterated by operators), a
-- Julia set, Newton's fractal for z^3 = 1, the boundary traced with a quadtree
-- that skips uniform squares, and a run-length coded bitmap.

local RAMP <const> = " .:-=+*#%@"
local WIDTH <const>, HEIGHT <const>, LIMIT <const> = 64, 22, 60

---------------------------------------------------------------- floats

local function escape(cr, ci, limit)
  local zr, zi = 0.0, 0.0
  for n = 0, limit - 1 do
    local r2, i2 = zr * zr, zi * zi
    if r2 + i2 > 4.0 then return n end
    zr, zi = r2 - i2 + cr, 2.0 * zr * zi + ci
  end
  return limit
end

---------------------------------------------------------------- fixed point

local SHIFT <const> = 26
local ONE <const> = 1 << SHIFT

local function fixed(x) return math.floor(x * ONE) end

local function escape_fixed(cr, ci, limit)
  local zr, zi = 0, 0
  for n = 0, limit - 1 do
    local r2, i2 = zr * zr // ONE, zi * zi // ONE
    if r2 + i2 > 4 * ONE then return n end
    zr, zi = r2 - i2 + cr, 2 * zr * zi // ONE + ci
  end
  return limit
end

---------------------------------------------------------------- complex numbers

local Complex = {}
Complex.__index = Complex

local function complex(re, im) return setmetatable({ re = re, im = im or 0.0 }, Complex) end
local function lift(x) return math.type(x) and complex(x) or x end

Complex.__add = function(a, b) a, b = lift(a), lift(b); return complex(a.re + b.re, a.im + b.im) end
Complex.__sub = function(a, b) a, b = lift(a), lift(b); return complex(a.re - b.re, a.im - b.im) end
Complex.__mul = function(a, b)
  a, b = lift(a), lift(b)
  return complex(a.re * b.re - a.im * b.im, a.re * b.im + a.im * b.re)
end
Complex.__div = function(a, b)
  a, b = lift(a), lift(b)
  local d = b.re * b.re + b.im * b.im
  return complex((a.re * b.re + a.im * b.im) / d, (a.im * b.re - a.re * b.im) / d)
end
Complex.__unm = function(a) return complex(-a.re, -a.im) end
Complex.__len = function(a) return a.re * a.re + a.im * a.im end       -- squared
Complex.__eq = function(a, b) return a.re == b.re and a.im == b.im end
Complex.__pow = function(a, n)
  local result = complex(1.0)
  for _ = 1, n do result = result * a end
  return result
end
Complex.__tostring = function(a) return string.format("%.4f%+.4fi", a.re, a.im) end

local function escape_complex(cr, ci, limit)
  local z, c = complex(0.0), complex(cr, ci)
  for n = 0, limit - 1 do
    if #z > 4.0 then return n end
    z = z ^ 2 + c
  end
  return limit
end

---------------------------------------------------------------- pictures

-- Builds rows of characters from a function of the plane.
local function picture(left, right, top, bottom, shade)
  local rows = {}
  for y = 0, HEIGHT - 1 do
    local row, im = {}, top + (bottom - top) * y / (HEIGHT - 1)
    for x = 0, WIDTH - 1 do row[x + 1] = shade(left + (right - left) * x / (WIDTH - 1), im) end
    rows[y + 1] = table.concat(row)
  end
  return rows
end

local function shade_of(n, limit)
  if n >= limit then return "@" end
  local i = math.floor(math.log(n + 1, 2) * 1.6) % 9 + 1
  return RAMP:sub(i, i)
end

local function hash(rows)
  local h = 5381
  for _, row in ipairs(rows) do
    for i = 1, #row do h = (h * 33 ~ row:byte(i)) & 0xFFFFFFFF end
  end
  return h
end

local function run_length(row)
  local out, at = {}, 1
  while at <= #row do
    local c = row:sub(at, at)
    local stop = at
    while row:sub(stop + 1, stop + 1) == c do stop = stop + 1 end
    out[#out + 1] = stop - at + 1 .. (c == " " and "_" or c)
    at = stop + 1
  end
  return table.concat(out)
end

local function expand(coded)
  return (coded:gsub("(%d+)(%D)", function(n, c) return (c == "_" and " " or c):rep(tonumber(n)) end))
end

local set = picture(-2.1, 0.7, -1.2, 1.2, function(re, im) return shade_of(escape(re, im, LIMIT), LIMIT) end)
for _, row in ipairs(set) do print((row:gsub("%s+$", ""))) end
print(string.format("float picture %08x", hash(set)))

local symmetric = 0
for y = 1, HEIGHT do
  if set[y] == set[HEIGHT + 1 - y] then symmetric = symmetric + 1 end
end
local coded, size, same = {}, 0, true
for y, row in ipairs(set) do
  coded[y] = run_length(row)
  size, same = size + #coded[y], same and expand(coded[y]) == row
end
print("symmetric rows", symmetric, "run-length bytes", size, same, coded[8])

---------------------------------------------------------------- comparisons

local points, equal, near = 0, 0, 0
for i = 0, 19 do
  for j = 0, 14 do
    local re, im = (i - 14) / 8, (j - 7) / 8        -- exact in binary
    local n = escape(re, im, LIMIT)
    if n == escape_complex(re, im, LIMIT) then equal = equal + 1 end
    if math.abs(n - escape_fixed(fixed(re), fixed(im), LIMIT)) <= 1 then near = near + 1 end
    points = points + 1
  end
end
print("points", points, "complex equal", equal, "fixed within one", near)

-- Area by recursive subdivision: a square whose border is all inside is inside.
local tests = 0
local function inside(x, y)
  tests = tests + 1
  return escape(x / 64 - 2.0, y / 64 - 1.25, LIMIT) == LIMIT
end
local function area(x, y, size)
  if size == 1 then return inside(x, y) and 1 or 0 end
  local count = 0
  for k = 0, size - 1 do
    if inside(x + k, y) then count = count + 1 end
    if inside(x + k, y + size - 1) then count = count + 1 end
    if inside(x, y + k) then count = count + 1 end
    if inside(x + size - 1, y + k) then count = count + 1 end
  end
  if count == 4 * size then return size * size end
  local half = size // 2
  return area(x, y, half) + area(x + half, y, half) + area(x, y + half, half) + area(x + half, y + half, half)
end
local cells = area(64, 16, 64)
print("area cells in the square", cells, "tests", tests)

-- Newton's method: which cube root of one does each start converge to?
local roots = { complex(1.0), complex(-0.5, math.sqrt(0.75)), complex(-0.5, -math.sqrt(0.75)) }
local basins = { 0, 0, 0, 0 }
for i = -10, 10 do
  for j = -10, 10 do
    local z, found = complex(i / 5 + 0.01, j / 5 + 0.02), 4
    for _ = 1, 12 do
      z = z - (z ^ 3 - 1) / (3 * z ^ 2)
      for k, root in ipairs(roots) do
        if #(z - root) < 1e-6 then found = k goto settled end
      end
    end
    ::settled::
    basins[found] = basins[found] + 1
  end
end
print("newton basins", table.concat(basins, " "))
local z = complex(1, 2) * complex(3, -1) / complex(0.5, 0.5)
print("complex", z, -z, #z, z == complex(10.0, 0.0), complex(0, 1) ^ 3, 2 - complex(1, 1))

local julia = picture(-1.6, 1.6, -1.0, 1.0, function(re, im)
  local n = 0
  while n < 40 and re * re + im * im <= 4.0 do
    re, im, n = re * re - im * im - 0.8, 2 * re * im + 0.156, n + 1
  end
  return n == 40 and "#" or n > 12 and "+" or n > 6 and "." or " "
end)
for y = 7, 16, 3 do print((julia[y]:gsub("%s+$", ""))) end
print(string.format("julia picture %08x", hash(julia)))
