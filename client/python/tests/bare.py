"""Classes that hostile graphs name."""


class Plain:
    """Has an ordinary dict and a method worth hiding."""

    positive = False
    flag = False

    def __init__(self):
        raise AssertionError("no __init__ runs at rebuild")

    def predict(self):
        return "the class's own"

    @property
    def computed(self):
        return 1

    def __setstate__(self, state):
        raise AssertionError("no __setstate__ runs unless the policy says so")

    def __setattr__(self, key, value):
        raise AssertionError("state is not written by setattr")

    def __reduce__(self):
        raise AssertionError("nothing asks how to pickle it")


class Restored:
    """Its __setstate__ is on the policy."""

    def __setstate__(self, state):
        self.restored = dict(state)


class OwnNew:
    def __new__(cls):
        raise AssertionError("no __new__ but object's runs")


class Slotted:
    __slots__ = ("x",)


class InheritsDict(dict):
    pass


def function():
    raise AssertionError("a function is never called")


module_like = __import__("os")
