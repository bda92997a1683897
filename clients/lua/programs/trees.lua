-- trees.lua: three ordered maps -- a plain binary tree, an AVL tree and a
-- red-black tree -- behind one interface, checked against each other.
--
-- The AVL tree deletes as well; the red-black tree is persistent (insertion
-- copies the path, after Okasaki), so old versions stay readable.  Invariants
-- (order, balance, black height) are verified after every few operations.

local Plain = {}
Plain.__index = Plain

function Plain.new() return setmetatable({ size = 0 }, Plain) end

function Plain:put(key, value)
  local parent, side, node = self, "root", self.root
  while node do
    if key == node.key then
      node.value = value
      return
    end
    side = key < node.key and "left" or "right"
    parent, node = node, node[side]
  end
  parent[side] = { key = key, value = value }
  self.size = self.size + 1
end

local Avl = {}
Avl.__index = Avl

function Avl.new() return setmetatable({ size = 0, rotations = 0 }, Avl) end

local function height(node) return node and node.height or 0 end

local function update(node)
  node.height = math.max(height(node.left), height(node.right)) + 1
  return node
end

local opposite <const> = { left = "right", right = "left" }

-- Rotates `node` towards `side`; the child on the other side comes up.
function Avl:rotate(node, side)
  local other = opposite[side]
  local up = node[other]
  node[other], up[side] = up[side], node
  self.rotations = self.rotations + 1
  update(node)
  return update(up)
end

function Avl:balance(node)
  update(node)
  local lean = height(node.left) - height(node.right)
  if lean > -2 and lean < 2 then return node end
  local heavy = lean > 0 and "left" or "right"
  local light = opposite[heavy]
  local child = node[heavy]
  if height(child[light]) > height(child[heavy]) then
    node[heavy] = self:rotate(child, heavy)
  end
  return self:rotate(node, light)
end

function Avl:put(key, value)
  local function insert(node)
    if not node then
      self.size = self.size + 1
      return { key = key, value = value, height = 1 }
    elseif key == node.key then
      node.value = value
      return node
    end
    local side = key < node.key and "left" or "right"
    node[side] = insert(node[side])
    return self:balance(node)
  end
  self.root = insert(self.root)
end

function Avl:remove(key)
  local function delete(node, wanted)
    if not node then return nil end
    if wanted == node.key then
      if not (node.left and node.right) then
        self.size = self.size - 1
        return node.left or node.right
      end
      local heir = node.right
      while heir.left do heir = heir.left end
      node.key, node.value, wanted = heir.key, heir.value, heir.key
      node.right = delete(node.right, wanted)
    else
      local side = wanted < node.key and "left" or "right"
      node[side] = delete(node[side], wanted)
    end
    return self:balance(node)
  end
  self.root = delete(self.root, key)
end

local RedBlack = {}
RedBlack.__index = RedBlack

function RedBlack.new() return setmetatable({ size = 0 }, RedBlack) end

local function node(red, left, key, value, right)
  return { red = red, left = left, key = key, value = value, right = right }
end

local function is_red(n) return n ~= nil and n.red end

-- The four cases of a red node with a red child under a black node.
local function fix(l, k, v, r)
  if is_red(l) and is_red(l.left) then
    local a = l.left
    return node(true, node(false, a.left, a.key, a.value, a.right), l.key, l.value, node(false, l.right, k, v, r))
  elseif is_red(l) and is_red(l.right) then
    local b = l.right
    return node(true, node(false, l.left, l.key, l.value, b.left), b.key, b.value, node(false, b.right, k, v, r))
  elseif is_red(r) and is_red(r.left) then
    local b = r.left
    return node(true, node(false, l, k, v, b.left), b.key, b.value, node(false, b.right, r.key, r.value, r.right))
  elseif is_red(r) and is_red(r.right) then
    local c = r.right
    return node(true, node(false, l, k, v, r.left), r.key, r.value, node(false, c.left, c.key, c.value, c.right))
  end
  return node(false, l, k, v, r)
end

function RedBlack:with(key, value)
  local added = 0
  local function insert(t)
    if not t then
      added = 1
      return node(true, nil, key, value, nil)
    elseif key == t.key then
      return node(t.red, t.left, key, value, t.right)
    end
    local left, right = t.left, t.right
    if key < t.key then left = insert(left) else right = insert(right) end
    if t.red then return node(true, left, t.key, t.value, right) end
    return fix(left, t.key, t.value, right)
  end
  local root = insert(self.root)
  root.red = false
  return setmetatable({ root = root, size = self.size + added }, RedBlack)
end

local function get(tree, key)
  local n = tree.root
  while n and n.key ~= key do n = key < n.key and n.left or n.key < key and n.right or nil end
  return n and n.value
end

local function each(tree)
  local stack, n = {}, tree.root
  return function()
    while n do
      stack[#stack + 1] = n
      n = n.left
    end
    local top = table.remove(stack)
    if not top then return nil end
    n = top.right
    return top.key, top.value
  end
end

local function depth(n) return n and 1 + math.max(depth(n.left), depth(n.right)) or 0 end

-- Black height, or an error when a red rule is broken.
local function black_height(n)
  if not n then return 1 end
  assert(not (n.red and (is_red(n.left) or is_red(n.right))), "red below red")
  local a, b = black_height(n.left), black_height(n.right)
  assert(a == b, "black heights differ")
  return a + (n.red and 0 or 1)
end

local function balanced(n)
  return not n or math.abs(depth(n.left) - depth(n.right)) < 2 and balanced(n.left) and balanced(n.right)
end

local function digest(tree)
  local sum, count, last = 0, 0, nil
  for key, value in each(tree) do
    assert(last == nil or last < key, "out of order")
    sum, count, last = (sum * 31 + key * 7 + value) % 1000000007, count + 1, key
  end
  return string.format("%d/%d", sum, count)
end

local seed = 5
local function random(n)
  seed = (seed * 69069 + 1) & 0xFFFFFFFF
  return (seed >> 10) % n
end

local plain, avl, rb, half = Plain.new(), Avl.new(), RedBlack.new(), nil
for step = 1, 800 do
  local key = random(2000)
  plain:put(key, step)
  avl:put(key, step)
  rb = rb:with(key, step)
  if step == 400 then half = rb end
  if step % 200 == 0 then black_height(rb.root); assert(balanced(avl.root)) end
end
print("digests", digest(plain), digest(avl), digest(rb))
print("sizes", plain.size, avl.size, rb.size, "first half", half.size, digest(half))
print("depths", depth(plain.root), depth(avl.root), depth(rb.root), "black", black_height(rb.root))

local same, missing = 0, 0
for key = 0, 1999 do
  local value = get(plain, key)
  if value == get(avl, key) and value == get(rb, key) then same = same + 1 end
  if not value then missing = missing + 1 end
end
print("lookups", same, "missing", missing)

for key = 0, 1999, 3 do avl:remove(key) end
print("after removal", avl.size, depth(avl.root), balanced(avl.root), digest(avl), avl.rotations)
local sorted, ladder = Avl.new(), RedBlack.new()
for key = 1, 511 do
  sorted:put(key, key)
  ladder = ladder:with(key, key)
end
print("ascending", depth(sorted.root), sorted.root.key, depth(ladder.root), digest(sorted) == digest(ladder))
for key = 1, 511 do sorted:remove(key) end
print("emptied", sorted.size, sorted.root)
