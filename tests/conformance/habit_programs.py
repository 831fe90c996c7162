"""Programs that import what people import by habit: each as in `programs`."""

from typing import Final

HABIT_PROGRAMS: Final = {
    "logging": r"""
import logging, io
logger = logging.getLogger(__name__)
class H(logging.Handler):
    def __init__(self):
        super().__init__()
        self.lines = []
    def emit(self, record):
        self.lines.append(self.format(record))
def f():
    buf = io.StringIO()
    logging.basicConfig(level=logging.INFO, format="%(levelname)s %(name)s %(message)s", stream=buf)
    logger.info("hello %s", "you")
    logger.debug("no")
    logging.warning("w %(a)d", {"a": 3})
    h = H()
    h.setFormatter(logging.Formatter("{levelname}:{message}", style="{"))
    lg = logging.getLogger("a.b")
    lg.addHandler(h)
    lg.setLevel("DEBUG")
    lg.propagate = False
    lg.debug("x=%d", 4)
    lg.error("bad", extra={"user": "u"})
    try:
        1 / 0
    except ZeroDivisionError:
        logger.exception("boom")
    return [
        buf.getvalue().splitlines()[:3],
        h.lines,
        lg.name,
        lg.level,
        logger.isEnabledFor(logging.DEBUG),
        logging.getLevelName(20),
        logging.getLogger("a").getChild("b") is lg,
    ]
""",
    "queues and locks": r"""
from queue import Queue, PriorityQueue, LifoQueue, Empty
import threading
class C:
    def __init__(self):
        self._lock = threading.Lock()
        self.r = threading.RLock()
        self.n = 0
    def inc(self):
        with self._lock:
            self.n += 1
        with self.r:
            with self.r:
                self.n += 1
        return self.n
class MyQ(Queue):
    def _put(self, item):
        self.queue.append(item * 2)
def f():
    q = PriorityQueue()
    for x in (3, 1, 2):
        q.put((x, str(x)))
    out = []
    while not q.empty():
        out.append(q.get())
    l = LifoQueue()
    l.put(1)
    l.put(2)
    try:
        Queue().get_nowait()
    except Empty:
        out.append("empty")
    m = MyQ(maxsize=3)
    m.put(5)
    return [out, l.get(), l.qsize(), C().inc(), m.get(), C()._lock.locked()]
""",
    "texts of exceptions": r"""
import traceback
def g(n):
    return 1 / n
def f():
    out = []
    try:
        g(0)
    except Exception as e:
        out.append([l for l in traceback.format_exc().splitlines() if "jigsmith" not in l])
        out.append(traceback.format_exception_only(type(e), e))
        out.append(len(traceback.format_exception(type(e), e, None)) > 1)
        traceback.print_exc()
    try:
        try:
            {}["a"]
        except KeyError as e:
            raise ValueError("v") from e
    except ValueError as e:
        out.append(traceback.format_exc())
        out.append(repr(e.__context__))
    out.append(traceback.format_exc())
    return out
""",
    "html and xml": r"""
from html.parser import HTMLParser
import xml.etree.ElementTree as ET
class P(HTMLParser):
    def __init__(self):
        super().__init__()
        self.out = []
    def handle_starttag(self, tag, attrs):
        self.out.append((tag, dict(attrs)))
    def handle_data(self, d):
        self.out.append(d)
def f():
    p = P()
    p.feed("<a href='x'>hi &amp; <b>you</b></a><br/>")
    p.close()
    r = ET.fromstring("<r><i id='1'>a</i><i id='2'>b<c/></i></r>")
    e = ET.Element("root", attrib={"k": "v"})
    s = ET.SubElement(e, "child")
    s.text = "t & u"
    s.set("n", "1")
    s.tail = "x"
    try:
        ET.fromstring("<a>")
    except ET.ParseError as x:
        err = str(x)
    return [
        p.out,
        p.getpos(),
        [(i.get("id"), i.text, len(i), i.tag, i.attrib) for i in r.findall("i")],
        r.find("i[@id='2']/c").tag,
        ET.tostring(e, encoding="unicode"),
        ET.tostring(e).decode(),
        err,
        [x.tag for x in r.iter()],
    ]
""",
    "a calculator": r"""
import ast, operator
OPS = {
    ast.Add: operator.add,
    ast.Sub: operator.sub,
    ast.Mult: operator.mul,
    ast.Div: operator.truediv,
    ast.Pow: operator.pow,
    ast.USub: operator.neg,
}
def ev(n):
    if isinstance(n, ast.Expression):
        return ev(n.body)
    if isinstance(n, ast.Constant):
        return n.value
    if isinstance(n, ast.BinOp):
        return OPS[type(n.op)](ev(n.left), ev(n.right))
    if isinstance(n, ast.UnaryOp):
        return OPS[type(n.op)](ev(n.operand))
    raise ValueError(type(n).__name__)
class V(ast.NodeVisitor):
    def __init__(self):
        self.names = []
    def visit_Name(self, n):
        self.names.append(n.id)
        self.generic_visit(n)
def m(n):
    match n:
        case ast.BinOp(left=l, op=ast.Add(), right=r):
            return m(l) + m(r)
        case ast.Constant(value=v):
            return v
def f():
    v = V()
    v.visit(ast.parse("a + b * c(d)"))
    out = [
        ev(ast.parse("1 + 2 * -3 ** 2", mode="eval")),
        v.names,
        [type(x).__name__ for x in ast.walk(ast.parse("x = 1"))],
        ast.dump(ast.parse("x=1", mode="exec")),
        ast.unparse(ast.parse("x   =  (1)")),
        m(ast.parse("1+2+3", mode="eval").body),
        ast.literal_eval("[1, {'a': 2}]"),
    ]
    try:
        ev(ast.parse("__import__('os')", mode="eval"))
    except ValueError as e:
        out.append(str(e))
    try:
        ast.parse("1 +")
    except SyntaxError as e:
        out.append(e.lineno)
    return out
""",
    "a name that may be missing": r"""
try:
    from threading import Thread
except ImportError:
    Thread = None
def f():
    return [3]
""",
}
