-- syntax.lua: does not compile (the `if` on line 6 lacks its `then`).

local function classify(n)
  local kind = "zero"
  print("never printed")
  if n > 0
    kind = "positive"
  end
  return kind
end

print(classify(1))
