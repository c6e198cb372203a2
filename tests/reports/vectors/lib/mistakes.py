def compare(database):
    return []
