"""The dice of a scenario."""

import random


class Draw(random.Random):
    """Random choices, made by the seed alone."""

    FAVOURITES = 4

    def __init__(self, seed):
        super().__init__(seed)
        self.favourites = {}

    def chance(self, probability):
        return self.random() < probability

    def often(self, name, pool):
        """A choice, mostly among a few that the scenario prefers: so that the values of
        conditions and of attributes meet."""
        if name not in self.favourites:
            self.favourites[name] = self.sample(pool, self.FAVOURITES)
        return self.choice(self.favourites[name] if self.chance(0.7) else pool)
