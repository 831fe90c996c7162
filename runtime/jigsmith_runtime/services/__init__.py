"""The five services: from the wire to the domain and back. No rule lives here."""
