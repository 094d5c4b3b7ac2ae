"""budget: a figure held against what it may be. The ratio is printed with it, and whether it holds; a run that is too slow
is told so and does not fail, because the machine may have been busy."""
from words import say, pad


class Budget:
    def __init__(self, name, label, value, bound, unit, at_least=False):
        self.name, self.label, self.value, self.bound = name, label, value, bound
        self.unit, self.at_least = unit, at_least

    @property
    def ratio(self):
        return self.value / self.bound

    @property
    def holds(self):
        return self.value >= self.bound if self.at_least else self.value <= self.bound

    def as_json(self):
        return {"name": self.name, "value": round(self.value, 3), "bound": self.bound, "unit": self.unit,
                "at_least": self.at_least, "ratio": round(self.ratio, 3), "holds": self.holds}


def print_budgets(budgets):
    print()
    print(say("与设计预算相比：", "beside the budgets of the design:"))
    for budget in budgets:
        relation = "≥" if budget.at_least else "≤"
        print("  " + pad(budget.label, 46) +
              f"{budget.value:,.2f} {relation} {budget.bound:g} {budget.unit}  ({budget.ratio:.2f})  " +
              (say("符合", "holds") if budget.holds else say("不符合", "DOES NOT HOLD")))
