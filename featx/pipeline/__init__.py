"""The whole flow, readable top to bottom, and the settings it takes."""
