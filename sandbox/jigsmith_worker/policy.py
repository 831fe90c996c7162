class PolicyRefusedError(Exception):
    pass


def check(s, e):
    return []


def compile_restricted(s):
    return compile(s, "<function>", "exec")


def namespace(p):
    return {"__builtins__": __builtins__}
