// A mixture: trees, closures, strings, objects, arrays, maps, sorting, JSON, exceptions.
function random(seed) { let state = seed; return () => (state = (state * 1103515245 + 12345) % 2147483648) / 2147483648; }
const next = random(42);

function tree(depth) { return depth === 0 ? { leaf: true } : { left: tree(depth - 1), right: tree(depth - 1), depth }; }
function count(node) { return node.leaf ? 1 : 1 + count(node.left) + count(node.right); }
let nodes = 0;
for (let round = 0; round < 12; round++) nodes += count(tree(9));

class Shape { constructor(name) { this.name = name; } area() { return 0; } toString() { return `${this.name}: ${this.area().toFixed(2)}`; } }
class Circle extends Shape { constructor(r) { super("circle"); this.r = r; } area() { return Math.PI * this.r * this.r; } }
class Square extends Shape { constructor(a) { super("square"); this.a = a; } area() { return this.a * this.a; } }
const shapes = [];
for (let i = 0; i < 4000; i++) shapes.push(i % 2 ? new Circle(next() * 10) : new Square(next() * 10));
shapes.sort((a, b) => a.area() - b.area());
let text = "";
for (let i = 0; i < 4000; i += 3) text += shapes[i].toString() + "\n";

const words = new Map();
for (let i = 0; i < 20000; i++) {
    const word = "w" + Math.floor(next() * 3000).toString(36);
    words.set(word, (words.get(word) || 0) + 1);
}
const top = [...words.entries()].sort((a, b) => b[1] - a[1]).slice(0, 50);

function curry(n) { const fs = []; for (let i = 0; i < n; i++) fs.push((x) => x + i + nodes); return fs; }
let sum = 0;
for (let round = 0; round < 40; round++) for (const f of curry(100)) sum += f(round) % 7;

const records = [];
for (let i = 0; i < 1500; i++) records.push({ id: i, name: "record " + i, tags: ["a" + i % 7, "b" + i % 11], nested: { x: i / 3, y: [i, i + 1, i + 2] } });
let json = JSON.stringify(records);
for (let round = 0; round < 4; round++) json = JSON.stringify(JSON.parse(json).map((r) => ({ ...r, id: r.id + 1 })));

let thrown = 0;
for (let i = 0; i < 2000; i++) { try { if (i % 3 === 0) throw new Error("number " + i); } catch (error) { thrown += error.message.length; } }

function* numbers(n) { for (let i = 0; i < n; i++) yield { value: i, text: String(i).padStart(8, "0") }; }
let seen = 0;
for (const { text } of numbers(6000)) seen += text.length;

const matrix = (n) => Array.from({ length: n }, (_, i) => Array.from({ length: n }, (_, j) => i * j % 17));
function multiply(a, b) { return a.map((row) => b[0].map((_, j) => row.reduce((s, x, k) => s + x * b[k][j], 0))); }
let m = matrix(24);
for (let i = 0; i < 6; i++) m = multiply(m, m).map((row) => row.map((x) => x % 1000));
[nodes, text.length, top.length, sum, json.length, thrown, seen, m[3][4]].join(" ");
