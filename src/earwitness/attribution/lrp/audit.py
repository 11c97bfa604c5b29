"""Second passes, where the first has failed: one that keeps what a model overwrites, and one that
finds which operation does not balance.

The ledger of an explanation says that something is lost or made; it cannot say where, because
relevance of the values in between is never computed. Here it is: every operation reads through a
probe, and relevance is counted on both sides.
"""

from collections import defaultdict

import torch

from earwitness.attribution.lrp.dispatch import Linearised, tensors_of
from earwitness.attribution.lrp.operations import TABLE, out_of_place
from earwitness.attribution.lrp.steps import Scaled, away


class Guarded(Linearised):
    """The same as :class:`Linearised`; operations read copies and return copies, so that nothing
    they need on the way back is overwritten in place.
    """

    def applied(self, rule, call):
        """Run an operation on copies; views stay views of what the model may write into."""
        if rule is TABLE["view"] or call.name == "setitem":
            return rule(self, call)
        target = call.args[0] if call.in_place else None
        if call.in_place and rule not in (TABLE["relu"], TABLE["mul"], TABLE["div"]):
            return rule(self, call)
        call.function, call.in_place = out_of_place(call), False
        self._copied(call, self._copy)
        result = self._each(rule(self, call), torch.Tensor.clone)
        call.in_place = target is not None
        return result if target is None else target.copy_(result)

    @staticmethod
    def _each(result, change):
        if isinstance(result, torch.Tensor):
            return change(result)
        if isinstance(result, tuple | list):
            return type(result)([Guarded._each(value, change) for value in result])
        return result

    @staticmethod
    def _copied(call, copy):
        copies = {id(value): copy(value) for value in call.dependent}
        call.args, call.kwargs = call.replaced(lambda value: copies[id(value)])
        call.dependent = list(copies.values())

    def _copy(self, value):
        copy = self.run(Scaled(1.0), value)
        copy._trace = value._trace
        if hasattr(value, "_ending"):
            copy._ending = value._ending
        return copy


class Audited(Guarded):
    """The same as :class:`Linearised`, and counts what enters and leaves each operation."""

    def __init__(self, *args, **options):
        super().__init__(*args, **options)
        self.surplus, self.flow = defaultdict(float), defaultdict(float)
        self.nested, self.n_calls = set(), 0

    def applied(self, rule, call):
        """Run an operation on probes of what it reads."""
        self.n_calls += 1
        if call.in_place or call.name == "setitem":
            return rule(self, call)
        self._copied(call, lambda value: self._probe(call.label, value))
        before = self.n_calls
        result = rule(self, call)
        if self.n_calls > before:  # it consists of others, which count for themselves
            self.nested.add(call.label)
        for value in tensors_of(result):
            if value.requires_grad and id(value) not in {id(probe) for probe in call.dependent}:
                value.register_hook(self._counting(call.label, value, 1))
        return result

    def _probe(self, label, value):
        probe = self._copy(value)
        known = value._trace
        probe._trace = self.trace(gate=known.gate, deep=known.deep, floor=known.floor)
        probe.register_hook(self._counting(label, probe, -1))
        return probe

    def _counting(self, label, value, sign):
        kept = value.detach().clone()
        kept = away(kept) if self.additive else kept

        def count(derivative):
            relevance = derivative.conj() * kept
            relevance = relevance.real if relevance.is_complex() else relevance
            self.surplus[label] += sign * float(torch.where(derivative == 0, 0, relevance).sum())
            self.flow[label] += float(torch.where(derivative == 0, 0, relevance).abs().sum())

        return count

    def unbalanced(self, tolerance: float) -> list[tuple[str, float]]:
        """Return operations whose balance is off by more than ``tolerance`` of what flows, the
        worst first.
        """
        off = {}
        for label, surplus in self.surplus.items():
            missing = surplus - float(self.ledger.entries.get(label, 0.0))
            if label not in self.nested and abs(missing) > tolerance * self.flow[label]:
                off[label] = missing
        return sorted(off.items(), key=lambda item: -abs(item[1]))
