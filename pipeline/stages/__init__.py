"""The built-in stages, one file each; they never import each other."""
